/** How every page here is made: text is escaped, and the look is shared. */
import { style } from './style.ts';

const escapes: Record<string, string> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
};

/** HTML that may be put into a page as it is. */
export type Html = { html: string };
type Part = Html | string | number | null | undefined | false | Part[];

function render(part: Part): string {
  if (part === null || part === undefined || part === false) return '';
  if (Array.isArray(part)) return part.map(render).join('');
  return typeof part === 'object'
    ? part.html
    : String(part).replace(/[&<>"']/g, (character) => escapes[character] ?? '');
}

/** Template tag: what stands in `${}` is text, unless it is {@link Html} itself. */
export const html = (fixed: TemplateStringsArray, ...parts: Part[]): Html => ({
  html: fixed.map((piece, i) => piece + render(parts[i])).join(''),
});

type Whole = { title: string; body: Html; style?: string; head?: Html | false };

/** A whole document. */
export const page = ({ title, body, style: own = '', head }: Whole): string =>
  html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${title}</title>${head}
<style>${{ html: style + own }}</style>
</head>
<body>
${body}
</body>
</html>`.html;
