/** The page on which a customer pays, or a program does by posting its form. */
import type { FastifyInstance, FastifyReply } from 'fastify';
import { z } from 'zod';
import { type Html, html } from '../html.ts';
import { bankDebitIn, readable } from './currency.ts';
import { document } from './document.ts';
import { emailAddress } from './form.ts';
import type { Ledger } from './ledger.ts';
import { action } from './operator-page.ts';
import { decline, pay, payLater } from './payment.ts';
import type { Moment, Payer, Purchase } from './purchase.ts';

export type PaymentPageOptions = {
  ledger: Ledger;
  /** The name on top of the page. */
  merchant: string;
  /** How long a bank takes for a debit, in seconds. */
  bankSeconds: number;
};

/**
 * What the form posts. `later` and `later_refused`: bank debits, granted or returned in the end.
 */
const posted = z.object({
  outcome: z.enum(['pay', 'decline', 'later', 'later_refused', 'cancel']),
  email: z.string().trim().default(''),
  name: z.string().trim().max(200).default(''),
  phone: z.string().trim().max(30).default(''),
});
type Posted = z.output<typeof posted>;

const notThere = {
  title: 'There is no such checkout',
  sentence: 'The address may be incomplete. Please go back to the shop.',
};

export function servePaymentPage(
  pages: FastifyInstance,
  { ledger, merchant, bankSeconds }: PaymentPageOptions,
): void {
  pages.get<{ Params: { id: string } }>('/:id', (request, reply) => {
    const purchase = ledger.find(request.params.id);
    if (!purchase) return send(reply, 404, statePage(notThere));
    return answer(reply, purchase, merchant);
  });

  pages.post<{ Params: { id: string } }>('/:id/pay', async (request, reply) => {
    const purchase = ledger.find(request.params.id);
    if (!purchase) return send(reply, 404, statePage(notThere));
    const form = posted.safeParse(Object.fromEntries(new URLSearchParams(String(request.body ?? ''))));
    const { session } = purchase;
    if (session.status !== 'open') return answer(reply, purchase, merchant, 409);
    if (!form.success)
      return answer(reply, purchase, merchant, 400, 'The form is not complete: it needs an outcome.');
    if (form.data.outcome === 'cancel')
      return reply.redirect(session.cancel_url ?? `/c/pay/${session.id}`, 303);

    const payer = payerOf(form.data, purchase);
    if (!emailAddress.safeParse(payer.email).success) {
      return answer(reply, purchase, merchant, 400, 'Please enter a valid email address.', form.data);
    }
    const next = change(purchase, payer, form.data.outcome, ledger.moment(), bankSeconds);
    await ledger.save(next);
    if (next.session.status === 'open') {
      return answer(reply, next, merchant, 402, 'Your card was declined. Please try again.', form.data);
    }
    return reply.redirect(successUrl(next), 303);
  });
}

/** A checkout that knows its customer's address does not take another. */
const payerOf = ({ email, name, phone }: Posted, { session }: Purchase): Payer => ({
  email: session.customer_email ?? email,
  name: name === '' ? null : name,
  phone: phone === '' ? null : phone,
});

function change(
  purchase: Purchase,
  payer: Payer,
  outcome: Exclude<Posted['outcome'], 'cancel'>,
  moment: Moment,
  bankSeconds: number,
): Purchase {
  const at = moment.now + bankSeconds;
  switch (outcome) {
    case 'pay':
      return pay(purchase, payer, moment);
    case 'decline':
      return decline(purchase, payer, moment);
    case 'later':
      return payLater(purchase, payer, moment, { outcome: 'succeeded', at });
    case 'later_refused':
      return payLater(purchase, payer, moment, { outcome: 'failed', at });
  }
}

const successUrl = ({ session }: Purchase) =>
  (session.success_url ?? '').replaceAll('{CHECKOUT_SESSION_ID}', session.id);

const send = (reply: FastifyReply, status: number, page: string) =>
  reply.code(status).type('text/html; charset=utf-8').header('cache-control', 'no-store').send(page);

/** The page as the checkout stands now. */
function answer(
  reply: FastifyReply,
  purchase: Purchase,
  merchant: string,
  status = 200,
  problem = '',
  typed?: Posted,
) {
  const { session } = purchase;
  if (session.status === 'open') return send(reply, status, openPage(purchase, merchant, problem, typed));
  if (session.status === 'expired') {
    const sentence = 'This checkout has expired, and nothing was charged. Please start again in the shop.';
    return send(
      reply,
      status === 200 ? 410 : status,
      statePage({ title: 'Too late', sentence, back: session.cancel_url }),
    );
  }
  const back = successUrl(purchase);
  return send(
    reply,
    status,
    statePage({ title: 'Thank you', sentence: sentenceOf(purchase), back, more: bankButtons(purchase) }),
  );
}

function sentenceOf({ session, debit }: Purchase): string {
  if (debit) return 'Your bank debit is under way. The shop hears of it as soon as your bank has answered.';
  if (session.payment_status === 'unpaid')
    return 'Your bank has returned the debit, and nothing was paid. Please ask the shop.';
  return `You have paid ${readable(session.amount_total ?? 0, session.currency ?? '')}. There is nothing more to do here.`;
}

/** So that nobody needs to wait three days to see what follows. */
const bankButtons = ({ session, debit }: Purchase) =>
  debit &&
  html`<div class="row">${action(`/double/sessions/${session.id}/settle`, 'The bank pays now', {
    outcome: 'succeeded',
  })}${action(`/double/sessions/${session.id}/settle`, 'The bank returns it now', { outcome: 'failed' })}</div>`;

type State = { title: string; sentence: string; back?: string | null; more?: Html | null };

function statePage({ title, sentence, back, more }: State): string {
  return document(
    title,
    html`<main class="state"><div class="card"><h1>${title}</h1><p>${sentence}</p>${more}${
      back && html`<p><a href="${back}">Back to the shop</a></p>`
    }</div></main>`,
  );
}

function openPage(purchase: Purchase, merchant: string, problem: string, typed?: Posted): string {
  const { session, lineItems } = purchase;
  const currency = session.currency ?? '';
  const total = readable(session.amount_total ?? 0, currency);
  return document(
    `Pay ${merchant}`,
    html`<main class="pay">
<section>
<p class="merchant"><span aria-hidden="true">${merchant.slice(0, 1)}</span>${merchant}</p>
<p class="soft">To pay</p>
<p class="total num">${total}</p>
<ul class="lines">
${lineItems.map(
  (item) =>
    html`<li><span>${item.description}<br><span class="soft small">${item.quantity} × ${readable(
      item.price.unit_amount ?? 0,
      currency,
    )}</span></span><span class="num">${readable(item.amount_total, currency)}</span></li>`,
)}
<li><span>Total</span><span class="num">${total}</span></li>
</ul>
${session.cancel_url && html`<p class="small"><a href="${session.cancel_url}">Cancel and go back</a></p>`}
</section>
${payForm(purchase, total, problem, typed)}
</main>`,
  );
}

function payForm({ session }: Purchase, total: string, problem: string, typed?: Posted): Html {
  const free = session.amount_total === 0;
  const debit = !free && bankDebitIn(session.currency ?? '') !== undefined;
  return html`<form class="card" method="post" action="/c/pay/${session.id}/pay">
${problem && html`<p class="notice" role="alert">${problem}</p>`}
<label>Email<input name="email" type="email" autocomplete="email" required value="${session.customer_email ?? typed?.email}"${
    session.customer_email && html` readonly`
  }></label>
<label>Name<input name="name" autocomplete="name" maxlength="200" value="${typed?.name}"></label>
${session.phone_number_collection?.enabled && html`<label>Phone<input name="phone" type="tel" autocomplete="tel" maxlength="30" value="${typed?.phone}"></label>`}
${!free && html`<p class="field">Card</p><p class="testcard num"><span>4242 4242 4242 4242</span><span>12 / 34</span></p>`}
<button class="main" name="outcome" value="pay">${free ? 'Confirm' : `Pay ${total}`}</button>
${
  !free &&
  html`<div class="others"><p class="soft small">Other ways this can go</p>
<button name="outcome" value="decline">Decline: the bank refuses the card</button>
${
  debit &&
  html`<button name="outcome" value="later">Pay later: bank debit that arrives</button>
<button name="outcome" value="later_refused">Pay later: bank debit that is returned</button>`
}</div>`
}
</form>`;
}
