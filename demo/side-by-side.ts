/** One picture of photographs before and after, row by row, to judge a restoration at a glance. */
import sharp from 'sharp';

export type Pair = {
  before: Buffer;
  after: Buffer;
  /** Caption under the two. */
  name: string;
};

const side = 440;
const gap = 28;
const divider = 4;
const captionHeight = 34;
const rowHeight = side + captionHeight;
const width = 2 * gap + 2 * side + divider;

/** @returns a PNG: a row a pair, before left and after right, cropped to the same square */
export async function sideBySide(pairs: Pair[]): Promise<Buffer> {
  const height = gap + pairs.length * (rowHeight + gap / 2);
  const top = (row: number) => gap + row * (rowHeight + gap / 2);
  const tiles = pairs.map(async ({ before, after }, row) => [
    { input: await square(before), left: gap, top: top(row) },
    { input: await square(after), left: gap + side + divider, top: top(row) },
  ]);
  const lettering = pairs.map(({ name }, row) => letters(name, top(row))).join('');
  const svg = `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}">${lettering}</svg>`;
  return sharp({ create: { width, height, channels: 3, background: '#faf7f2' } })
    .composite([...(await Promise.all(tiles)).flat(), { input: Buffer.from(svg) }])
    .png()
    .toBuffer();
}

/** Both pictures of a pair show the same part, since it does not depend on their content. */
function square(picture: Buffer): Promise<Buffer> {
  return sharp(picture).autoOrient().resize(side, side, { fit: 'cover', position: 'top' }).png().toBuffer();
}

function letters(name: string, top: number): string {
  const label = (text: string, x: number) => `
    <rect x="${x}" y="${top + side - 38}" width="66" height="26" rx="13" fill="#1d1a16" opacity="0.72"/>
    <text x="${x + 33}" y="${top + side - 20}" text-anchor="middle" font-size="14" fill="#fff">${text}</text>`;
  return `<g font-family="DejaVu Sans, Helvetica, Arial, sans-serif">
    ${label('before', gap + 12)}${label('after', gap + 2 * side + divider - 78)}
    <text x="${width / 2}" y="${top + side + 23}" text-anchor="middle" font-size="15" fill="#5c5346">${escapeXml(name)}</text>
  </g>`;
}

const escapeXml = (text: string) => text.replaceAll('&', '&amp;').replaceAll('<', '&lt;');
