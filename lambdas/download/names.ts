/**
 * Names of delivered files: what the customer called the photo, in words every file system takes.
 */

/** File systems take 255 bytes; this leaves room for what is added. */
const longestStemBytes = 200;

/** Endings of pictures, as cameras, phones and browsers write them. A year is none. */
const pictureEnding = /\.(jpe?g|jpe|jfif|pjpe?g|pjp|png|webp|heic|heif|avif|tiff?|gif|bmp|dng)$/i;

/**
 * Windows takes them, in any case and with any ending, for devices:
 * https://learn.microsoft.com/windows/win32/fileio/naming-a-file
 */
const deviceName = /^(con|prn|aux|nul|conin\$|conout\$|(com|lpt)[0-9¹²³])\s*(\.|$)/i;

/** By whole characters. */
function shortened(stem: string): string {
  if (Buffer.byteLength(stem) <= longestStemBytes) return stem;
  const characters = [...stem];
  while (Buffer.byteLength(characters.join('')) > longestStemBytes) characters.pop();
  return characters.join('');
}

/**
 * One spelling (NFC), and nothing that Windows refuses, that moves a file to another folder, or
 * that shows a name otherwise than it is. Joiners stay: emoji and Persian words need them.
 */
function cleaned(text: string): string {
  return text
    .replace(/[\p{Cc}\p{Cs}\p{Zl}\p{Zp}\p{Bidi_Control}\u200B\u2060\uFEFF<>?*]/gu, '')
    .replaceAll('"', "'")
    .replace(/[/\\:|]/g, '-')
    .normalize('NFC')
    .trim();
}

/** @param ending with its dot, or empty */
function named(stem: string, ending: string): string {
  const name = `${stem.replace(/[. ]+$/, '') || 'photo'}${ending}`;
  return deviceName.test(name) ? `_${name}` : name;
}

function parts(originalName: string) {
  const name = cleaned(originalName);
  const ending = pictureEnding.exec(name)?.[0] ?? '';
  return { stem: shortened(name.slice(0, name.length - ending.length).trim()), ending };
}

/**
 * The customer's own name for a photo, made safe: `12:24:1943.jpg` is `12-24-1943.jpg`. Its ending
 * is the picture's, or a photo sent as `invoice.hta` would be a program where it is opened.
 */
export function originalName(given: string, format: string): string {
  const { stem, ending } = parts(given);
  const isAlike = ending !== '' && formatOf(ending) === format;
  return named(stem, isAlike ? ending : `.${format}`);
}

/** `.JPEG` and `.jfif` are endings of a jpg. */
const formatOf = (ending: string) =>
  /^\.(jpe?g|jpe|jfif|pjpe?g|pjp)$/i.test(ending) ? 'jpg' : ending.slice(1).toLowerCase();

/** `Grandma 1943.jpeg` restored as PNG is `Grandma 1943 restored.png`. */
export function restoredName(given: string, format: string): string {
  const { stem } = parts(given);
  return named(`${stem.replace(/[. ]+$/, '') || 'photo'} restored`, `.${format}`);
}

/** By way of upper case, which joins what has several small forms: ß and ss, ς and σ. */
const folded = (name: string) => name.toLowerCase().toUpperCase().toLowerCase().normalize('NFC');

/** Two photos may have the same name; beside the first, the second is `name (2).png`. */
export function distinctNames(names: string[]): string[] {
  const taken = new Set<string>();
  return names.map((name) => {
    let distinct = name;
    for (let n = 2; taken.has(folded(distinct)); n++) distinct = name.replace(/(\.[^.]*)?$/, ` (${n})$1`);
    taken.add(folded(distinct));
    return distinct;
  });
}

/**
 * What the restored photos of an order are called, each its own. Attachments and archives number
 * alike when both give all of them in the order's order.
 */
export const restoredNames = (photos: { originalFilename: string | null; format: string | null }[]) =>
  distinctNames(
    photos.map(({ originalFilename, format }) => restoredName(originalFilename ?? 'photo', format ?? 'png')),
  );

/** RFC 5987: all but letters, digits and a few marks as percent-encoded UTF-8. */
const encoded = (name: string) =>
  encodeURIComponent(name).replace(/['()*!]/g, (mark) => `%${mark.charCodeAt(0).toString(16).toUpperCase()}`);

/** A customer's name never goes raw into a header: encoded, beside a plain one. */
export function contentDisposition(name: string, plainName: string): string {
  return `attachment; filename="${plainName}"; filename*=UTF-8''${encoded(name)}`;
}
