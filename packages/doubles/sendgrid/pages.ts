/** The mailbox as people see it: a list and a mail. Whatever a mail says is escaped, or shut into a sandboxed frame. */
import mustache from 'mustache';

const style = `
:root { color-scheme: light dark; --ink: #1d1d1f; --quiet: #6b6b70; --paper: #fff; --ground: #f4f3f0; --line: #e2e0db; --accent: #8a4b16; --bad: #b3261e; }
@media (prefers-color-scheme: dark) { :root { --ink: #ececee; --quiet: #a0a0a6; --paper: #1f1f22; --ground: #151517; --line: #35353a; --accent: #e0a36b; --bad: #ff8a80; } }
* { box-sizing: border-box; }
body { margin: 0; background: var(--ground); color: var(--ink); font: 16px/1.5 system-ui, sans-serif; }
main { max-width: 46rem; margin: 0 auto; padding: 1.25rem 1rem 3rem; }
h1 { font-size: 1.35rem; line-height: 1.3; margin: .5rem 0 1rem; overflow-wrap: anywhere; }
h2 { font-size: .95rem; margin: 1.75rem 0 .5rem; color: var(--quiet); font-weight: 600; }
a { color: var(--accent); }
.quiet { color: var(--quiet); font-size: .9rem; }
.card, .mails { background: var(--paper); border: 1px solid var(--line); border-radius: 12px; overflow: hidden; }
.card { padding: 1rem; }
.mails { list-style: none; margin: 0; padding: 0; }
.mails li + li { border-top: 1px solid var(--line); }
.mails a { display: block; padding: .8rem 1rem; color: inherit; text-decoration: none; overflow-wrap: anywhere; }
.mails a:hover, .mails a:focus-visible { background: var(--ground); }
.mails span { display: block; }
.mails .row { display: flex; flex-wrap: wrap; justify-content: space-between; gap: 0 1rem; }
.subject { font-weight: 600; }
.bad { color: var(--bad); }
dl { display: grid; grid-template-columns: max-content 1fr; gap: .25rem 1rem; margin: 0; overflow-wrap: anywhere; }
dt { color: var(--quiet); }
dd { margin: 0; }
pre { white-space: pre-wrap; overflow-wrap: anywhere; margin: 0; font: .9rem/1.5 ui-monospace, monospace; }
iframe { display: block; width: 100%; height: min(80vh, 60rem); border: 1px solid var(--line); border-radius: 12px; background: #fff; }
ul.files { margin: 0; list-style: none; overflow-wrap: anywhere; }
`;

const page = `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{{title}}</title>
<style>${style}</style>
</head>
<body><main>{{>content}}</main></body>
</html>
`;

const list = `
<h1>Mailbox</h1>
{{#mails}}{{#first}}<ul class="mails">{{/first}}
<li><a href="/messages/{{id}}">
<span class="subject">{{subject}}</span>
<span class="quiet">{{recipients}}</span>
<span class="row quiet"><span{{#bad}} class="bad"{{/bad}}>{{status}}{{#attachmentCount}} · {{attachmentCount}} attached{{/attachmentCount}}</span><time>{{time}}</time></span>
</a></li>
{{#last}}</ul>{{/last}}{{/mails}}
{{^mails}}<p class="card quiet">Nothing has been sent yet. Mails appear here instead of leaving this machine.</p>{{/mails}}
`;

const mail = `
<p><a href="/">← Mailbox</a></p>
<h1>{{subject}}</h1>
<div class="card"><dl>
<dt>From</dt><dd>{{from}}</dd>
<dt>To</dt><dd>{{to}}</dd>
{{#cc}}<dt>Cc</dt><dd>{{cc}}</dd>{{/cc}}
{{#bcc}}<dt>Bcc</dt><dd>{{bcc}}</dd>{{/bcc}}
<dt>Sent</dt><dd>{{time}}</dd>
<dt>Status</dt><dd{{#bad}} class="bad"{{/bad}}>{{status}}</dd>
</dl></div>
{{#files.length}}<h2>Attachments</h2><ul class="card files">
{{#files}}<li><a href="/messages/{{id}}/attachments/{{index}}">{{filename}}</a> <span class="quiet">{{type}}, {{size}}</span></li>{{/files}}
</ul>{{/files.length}}
{{#hasHtml}}<h2>As a mail program shows it (<a href="/messages/{{id}}/html">alone</a>)</h2>
<iframe title="The mail" sandbox="allow-popups allow-popups-to-escape-sandbox" src="/messages/{{id}}/html"></iframe>{{/hasHtml}}
{{#text}}<h2>Plain text</h2><div class="card"><pre>{{text}}</pre></div>{{/text}}
<h2>For programs</h2>
<div class="card"><dl>
<dt>Message</dt><dd><a href="/api/messages/{{id}}">{{id}}</a></dd>
{{#args}}<dt>{{name}}</dt><dd>{{value}}</dd>{{/args}}
{{#history}}<dt>{{event}}</dt><dd>{{email}}, {{time}}{{#reason}}: {{reason}}{{/reason}}</dd>{{/history}}
</dl></div>
`;

export type ListView = {
  mails: {
    id: string;
    recipients: string;
    subject: string;
    time: string;
    status: string;
    bad: boolean;
    attachmentCount: number;
    first: boolean;
    last: boolean;
  }[];
};

export type MailView = {
  id: string;
  subject: string;
  from: string;
  to: string;
  cc: string;
  bcc: string;
  time: string;
  status: string;
  bad: boolean;
  hasHtml: boolean;
  text: string;
  files: { index: number; filename: string; type: string; size: string }[];
  args: { name: string; value: string }[];
  history: { event: string; email: string; time: string; reason: string }[];
};

export const listPage = (view: ListView) =>
  mustache.render(page, { ...view, title: 'Mailbox' }, { content: list });

export const mailPage = (view: MailView) =>
  mustache.render(page, { ...view, title: view.subject }, { content: mail });
