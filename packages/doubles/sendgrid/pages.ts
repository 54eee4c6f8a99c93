/** The mailbox for people. What a mail says is escaped, or shut into a sandboxed frame. */
import { type Html, html, page } from '../html.ts';
import type { Address, Mail } from './mail.ts';

/** The list, in the order given. */
export const listPage = (mails: Mail[]): string =>
  page({
    title: 'Mailbox',
    body: html`<main class="desk"><h1>Mailbox</h1>
${
  mails.length === 0
    ? html`<p class="card soft">Nothing has been sent yet. Mails appear here instead of leaving this machine.</p>`
    : html`<ul class="card mails">${mails.map(row)}</ul>`
}</main>`,
  });

const row = (mail: Mail): Html => html`
<li><a href="/messages/${mail.id}">
<strong>${mail.subject}</strong>
<span class="quiet">${shown(mail.to)}</span>
<span class="quiet">${status(mail)}${mail.attachments.length > 0 && ` · ${mail.attachments.length} attached`} · ${timeOf(mail.receivedAt)}</span>
</a></li>`;

export const mailPage = (mail: Mail): string =>
  page({
    title: mail.subject,
    body: html`<main class="desk">
<p><a href="/">← Mailbox</a></p>
<h1>${mail.subject}</h1>
${facts([
  ['From', shown([mail.from])],
  ['To', shown(mail.to)],
  ['Cc', shown(mail.cc)],
  ['Bcc', shown(mail.bcc)],
  ['Sent', timeOf(mail.receivedAt)],
  ['Status', status(mail)],
])}
${mail.attachments.length > 0 && attachments(mail)}
${
  mail.html !== undefined &&
  html`<h2>As a mail program shows it (<a href="/messages/${mail.id}/html">alone</a>)</h2>
<iframe title="The mail" sandbox="allow-popups allow-popups-to-escape-sandbox" src="/messages/${mail.id}/html"></iframe>`
}
${mail.text && html`<h2>Plain text</h2><div class="card"><pre>${mail.text}</pre></div>`}
<h2>For programs</h2>
${facts([
  ['Message', html`<a href="/api/messages/${mail.id}">${mail.id}</a>`],
  ...Object.entries(mail.customArgs),
  ...mail.history.map(
    ({ event, email, at, reason }): Fact => [event, `${email}, ${timeOf(at)}${reason ? `: ${reason}` : ''}`],
  ),
])}
</main>`,
  });

type Fact = [name: string, value: string | Html];

/** Those that there are. */
const facts = (all: Fact[]): Html =>
  html`<dl class="card facts">${all
    .filter(([, value]) => value !== '')
    .map(([name, value]) => html`<dt>${name}</dt><dd>${value}</dd>`)}</dl>`;

const attachments = (mail: Mail): Html =>
  html`<h2>Attachments</h2><ul class="card">${mail.attachments.map(
    ({ filename, type, bytes }, index) =>
      html`<li><a href="/messages/${mail.id}/attachments/${index}">${filename}</a> <span class="quiet">${type}, ${sizeOf(bytes)}</span></li>`,
  )}</ul>`;

const shown = (addresses: Address[]) =>
  addresses.map(({ email, name }) => (name ? `${name} <${email}>` : email)).join(', ');

const timeOf = (ms: number) => `${new Date(ms).toISOString().slice(0, 16).replace('T', ' ')} UTC`;

const sizeOf = (bytes: number) =>
  bytes < 1e6 ? `${(bytes / 1e3).toFixed(1)} kB` : `${(bytes / 1e6).toFixed(1)} MB`;

/** The latest event of each recipient, said once: `delivered`, `bounced`. */
function status({ history }: Mail): Html {
  const latest = new Set(new Map(history.map(({ email, event }) => [email, event])).values());
  const words: Record<string, string> = { processed: 'on its way', bounce: 'bounced' };
  const said = [...latest].map((event) => words[event] ?? event).join(', ') || 'accepted';
  return latest.has('bounce') || latest.has('dropped')
    ? html`<span class="bad">${said}</span>`
    : html`${said}`;
}
