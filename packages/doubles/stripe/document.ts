import { type Html, html, page } from '../html.ts';

/** A page of Stripe's, which says that it is none. */
export const document = (title: string, body: Html): string =>
  page({
    title,
    body: html`<p class="banner"><b>Local test page.</b> It plays Stripe on this machine; no money moves.</p>
${body}`,
  });
