/** How delivered files are named: by what the customer called the photo. */
import { createHash } from 'node:crypto';

/** The same photos are the same archive, whichever link asks for it. */
export function archiveKey(orderId: string, imageIds: string[]): string {
  const hash = createHash('sha256')
    .update([...imageIds].sort().join('\n'))
    .digest('hex')
    .slice(0, 32);
  return `uploads/archives/${orderId}/${hash}.zip`;
}

/** File systems take 255 bytes; this leaves room for what is added. */
const longestStemBytes = 200;

/** By whole characters. */
function shortened(stem: string): string {
  let kept = stem;
  if (Buffer.byteLength(stem) > longestStemBytes) {
    const characters = [...stem];
    while (Buffer.byteLength(kept) > longestStemBytes) {
      characters.pop();
      kept = characters.join('');
    }
  }
  return kept;
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

/** A name from a customer never goes raw into a header: encoded, beside a plain one for what cannot read that. */
export function contentDisposition(name: string, plainName: string): string {
  return `attachment; filename="${plainName}"; filename*=UTF-8''${encoded(name)}`;
}
