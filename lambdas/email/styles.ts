/** Mail programs obey a style at its element only, so what a class means is written there. */

const sans = "-apple-system,'Segoe UI',Roboto,Helvetica,Arial,sans-serif";
const serif = "Georgia,'Times New Roman',serif";

/** In the light; the layout's own style sheet has the dark and the small screen. */
const styles: Record<string, string> = {
  page: 'margin:0;padding:0;background:#f5f0e9;-webkit-text-size-adjust:100%;',
  preheader: 'display:none;max-height:0;overflow:hidden;mso-hide:all;',
  frame: 'padding:28px 12px 40px;',
  column: 'max-width:560px;',
  brand: `padding:0 4px 18px;font:700 20px/1.2 ${serif};color:#7a4419;letter-spacing:.2px;`,
  card: 'background:#ffffff;border:1px solid #e7dfd4;border-radius:16px;padding:36px 40px;',
  ink: `font:400 16px/1.55 ${sans};color:#2a2521;word-break:break-word;`,
  footer: `padding:20px 6px 0;font:400 13px/1.5 ${sans};`,
  title: `margin:0 0 16px;font:700 30px/1.2 ${serif};color:#2a2521;`,
  text: 'margin:0 0 20px;',
  after: 'margin:24px 0 8px;',
  quiet: 'font-size:14px;color:#75695e;',
  strong: 'font-weight:700;',
  block: 'margin:0 0 28px;',
  line: 'padding:12px 12px 12px 0;border-top:1px solid #e7dfd4;',
  whole: 'white-space:nowrap;word-break:normal;',
  note: 'background:#fbf4ea;border-left:4px solid #b8651b;border-radius:6px;padding:18px 20px;',
  link: 'display:inline-block;padding:12px 0;color:#7a4419;font-weight:700;',
  button:
    'display:inline-block;background:#7a4419;color:#ffffff;border-radius:10px;padding:16px 30px;' +
    'font-weight:700;font-size:17px;line-height:1.2;text-align:center;text-decoration:none;',
};

/**
 * A template's HTML, with the style of each class beside it.
 * @throws Error for a class without a style
 */
export const styled = (html: string): string =>
  html.replace(/ class="([^"]+)"/g, (attribute, names: string) => {
    const style = names.split(' ').map((name) => {
      if (styles[name] === undefined) throw new Error(`The class '${name}' has no style.`);
      return styles[name];
    });
    return `${attribute} style="${style.join('')}"`;
  });
