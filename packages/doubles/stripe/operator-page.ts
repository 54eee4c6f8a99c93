/** The desk of whoever runs the local Stripe: what was sold, and what can still happen to it. */
import { type Html, html } from '../html.ts';
import { readable } from './currency.ts';
import { document } from './document.ts';
import type { Delivery, Dispute, Purchase, Refund } from './purchase.ts';

/** What the endpoints do; the page prints this list. */
export const ways: [route: string, does: string][] = [
  [
    'POST /double/payments/{payment_intent}/refund',
    'Refunds `amount` (minor units), or all that is left. `reason` as in Stripe.',
  ],
  ['POST /double/payments/{payment_intent}/dispute', 'The customer’s bank takes the money back.'],
  ['POST /double/refunds/{refund}/succeed', 'A pending refund arrives now.'],
  ['POST /double/refunds/{refund}/fail', 'A refund comes back, even one that had arrived.'],
  ['POST /double/disputes/{dispute}/close', 'The bank rules: `status` is `won` or `lost`.'],
  [
    'POST /double/sessions/{session}/settle',
    'A bank debit is decided now: `outcome` is `succeeded` or `failed`.',
  ],
  ['POST /double/sessions/{session}/expire', 'An open checkout expires now.'],
  ['POST /double/events/{event}/resend', 'Delivers an event again, delivered or not.'],
  [
    'POST /double/faults',
    'The next `count` API calls (default 1) answer `status` (default 500), without effect.',
  ],
];

const newest = 100;

/** The whole page, newest checkout first. */
export function operatorPage(purchases: Purchase[], webhookUrl: string): string {
  const all = [...purchases].reverse();
  const undelivered = all
    .flatMap(({ deliveries }) => deliveries)
    .filter(({ deliveredAt }) => deliveredAt === null)
    .sort((a, b) => a.order - b.order);
  return document(
    'Local Stripe',
    html`<main class="desk">
<div><h1>Local Stripe</h1><p class="soft small">Events go to <code>${webhookUrl}</code></p></div>
${undelivered.length > 0 && undeliveredCard(undelivered)}
${all.length === 0 && html`<p class="card soft">No checkout yet. The first one appears here once a customer orders.</p>`}
${all.slice(0, newest).map(purchaseCard)}
${all.length > newest && html`<p class="soft small">The newest ${newest} of ${all.length} are shown.</p>`}
<section class="card"><h2>By program</h2>
<p class="soft small">Each endpoint takes a form and answers JSON, or this page again to a browser.
A payment is made by posting <code>outcome</code> (<code>pay</code>, <code>decline</code>, <code>later</code>, <code>later_refused</code> or <code>cancel</code>), <code>email</code> and <code>name</code> to <code>{session.url}/pay</code>.</p>
<dl class="ways">${ways.map(([route, does]) => html`<div><dt><code>${route}</code></dt><dd>${withCode(does)}</dd></div>`)}</dl></section>
</main>`,
  );
}

/** What stands between backticks is code. */
const withCode = (sentence: string) =>
  sentence.split('`').map((part, i) => (i % 2 === 0 ? part : html`<code>${part}</code>`));

function undeliveredCard(deliveries: Delivery[]): Html {
  const count = deliveries.length === 1 ? '1 event' : `${deliveries.length} events`;
  return html`<details class="card"><summary>${count} not delivered yet</summary><div class="rows">${deliveries
    .slice(0, newest)
    .map(
      (delivery) => html`<div class="row"><span>${delivery.event.type}</span>
<span class="soft small">${progressOf(delivery)}</span>${action(`/double/events/${delivery.event.id}/resend`, 'Deliver now')}</div>`,
    )}</div></details>`;
}

function progressOf({ attempts, nextAt, lastAnswer }: Delivery): string {
  if (attempts === 0) return 'first attempt under way';
  const tried = attempts === 1 ? 'tried once' : `tried ${attempts} times`;
  return `${tried}, last: ${lastAnswer}${nextAt === null ? ', given up' : ''}`;
}

function purchaseCard(purchase: Purchase): Html {
  const { session, intent, refunds, disputes, debit } = purchase;
  const [badge, tone] = stateOf(purchase);
  const when = new Date(session.created * 1000).toISOString().slice(0, 16).replace('T', ' ');
  return html`<section class="card"><div class="head">
<h2>${session.customer_details?.email ?? session.customer_email ?? 'Nobody yet'}</h2><span class="badge ${tone}">${badge}</span>
<span class="num">${readable(session.amount_total ?? 0, session.currency ?? '')}</span></div>
<p class="soft small">${purchase.lineItems.map(({ quantity, description }) => `${quantity} × ${description}`).join(', ')} · ${when} UTC</p>
<p class="ids">${session.id}${intent && html`<br>${intent.id}`}</p>
${rows([
  session.status === 'open' &&
    html`<div class="row"><a href="${session.url}">Payment page</a>${action(`/double/sessions/${session.id}/expire`, 'Expire')}</div>`,
  debit &&
    html`<div class="row"><span>Bank debit under way</span>${action(
      `/double/sessions/${session.id}/settle`,
      'It arrives',
      {
        outcome: 'succeeded',
      },
    )}${action(`/double/sessions/${session.id}/settle`, 'It is returned', { outcome: 'failed' })}</div>`,
  ...refunds.map(refundRow),
  ...disputes.map(disputeRow),
  intent?.status === 'succeeded' && actionsOnPaid(purchase, intent.id),
])}
</section>`;
}

const rows = (all: (Html | false | null)[]) => all.some(Boolean) && html`<div class="rows">${all}</div>`;

function stateOf({ session, refunds, disputes, debit, intent }: Purchase): [badge: string, tone: string] {
  const open = disputes.find(({ status }) => status !== 'won');
  if (open) return [open.status === 'lost' ? 'Dispute lost' : 'Disputed', 'bad'];
  if (debit) return ['Waiting for the bank', 'warn'];
  if (session.status === 'expired') return ['Expired', ''];
  if (session.status === 'open') return ['Open', 'warn'];
  if (session.payment_status === 'unpaid') return ['Not paid', 'bad'];
  const back = refunds
    .filter(({ status }) => status !== 'failed')
    .reduce((sum, { amount }) => sum + amount, 0);
  if (intent && back === intent.amount) return ['Refunded', ''];
  return back > 0 ? ['Partly refunded', 'warn'] : ['Paid', 'good'];
}

function refundRow(refund: Refund): Html {
  return html`<div class="row"><span>Refund of ${readable(refund.amount, refund.currency)}</span><span class="badge">${refund.status}</span>
${refund.status === 'pending' && action(`/double/refunds/${refund.id}/succeed`, 'It arrives')}
${refund.status !== 'failed' && action(`/double/refunds/${refund.id}/fail`, 'It fails')}</div>`;
}

function disputeRow(dispute: Dispute): Html {
  const closed = dispute.status === 'won' || dispute.status === 'lost';
  return html`<div class="row"><span>Dispute over ${readable(dispute.amount, dispute.currency)}</span><span class="badge">${dispute.status}</span>
${!closed && action(`/double/disputes/${dispute.id}/close`, 'Merchant wins', { status: 'won' })}
${!closed && action(`/double/disputes/${dispute.id}/close`, 'Merchant loses', { status: 'lost' })}</div>`;
}

function actionsOnPaid({ charges, disputes }: Purchase, paymentId: string): Html | false {
  const charge = charges.find(({ status }) => status === 'succeeded');
  if (!charge || charge.refunded || disputes.some(({ status }) => status !== 'won')) return false;
  return html`<div class="row"><form method="post" action="/double/payments/${paymentId}/refund">
<input name="amount" inputmode="numeric" pattern="[0-9]*" placeholder="${charge.amount - charge.amount_refunded} = all" aria-label="Amount in minor units"><button>Refund</button></form>
${action(`/double/payments/${paymentId}/dispute`, 'Open a dispute')}</div>`;
}

/** A button that posts. */
export const action = (url: string, label: string, fields: Record<string, string> = {}) =>
  html`<form method="post" action="${url}">${Object.entries(fields).map(
    ([name, value]) => html`<input type="hidden" name="${name}" value="${value}">`,
  )}<button>${label}</button></form>`;
