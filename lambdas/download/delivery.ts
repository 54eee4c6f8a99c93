/** How delivered files are named: by what the customer called the photo. */

/** File systems take 255 bytes; this leaves room for what is added. */
const longestStemBytes = 200;

/** By whole characters. */
function shortened(stem: string): string {
  const characters = [...stem];
  while (Buffer.byteLength(characters.join('')) > longestStemBytes) characters.pop();
  return characters.join('');
}

/** `Grandma 1943.jpeg` restored as PNG is `Grandma 1943 restored.png`. */
export function restoredName(originalName: string, ending: string): string {
  return `${shortened(originalName.replace(/(?<=.)\.[^.]{1,5}$/, ''))} restored.${ending}`;
}

/** Two photos may have the same name; in one archive the second is `name (2).png`. */
export function distinctNames(names: string[]): string[] {
  const taken = new Set<string>();
  return names.map((name) => {
    let distinct = name;
    for (let n = 2; taken.has(distinct.toLowerCase()); n++)
      distinct = name.replace(/(\.[^.]*)?$/, ` (${n})$1`);
    taken.add(distinct.toLowerCase());
    return distinct;
  });
}

/** RFC 5987: all but letters, digits and a few marks as percent-encoded UTF-8. */
const encoded = (name: string) =>
  encodeURIComponent(name).replace(/['()*!]/g, (mark) => `%${mark.charCodeAt(0).toString(16).toUpperCase()}`);

/** A customer's name never goes raw into a header: encoded, beside a plain one. */
export function contentDisposition(name: string, plainName: string): string {
  return `attachment; filename="${plainName}"; filename*=UTF-8''${encoded(name)}`;
}
