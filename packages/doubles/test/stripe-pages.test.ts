import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { openShop, type Shop } from './stripe-setup.ts';

let shop: Shop;
beforeEach(async () => {
  shop = await openShop();
});
afterEach(() => shop.close());

const read = async (response: Response | Promise<Response>) => (await response).text();

describe('the payment page', () => {
  test('shows what is bought, and says that no money moves', async () => {
    const session = await shop.checkout({ customer_email: 'ada@example.org' });
    const page = await read(fetch(String(session.url)));
    for (const words of [
      'RestoreClick',
      '2 × $12.00',
      '$24.00',
      'Local test page',
      'value="ada@example.org" readonly',
    ]) {
      expect(page).toContain(words);
    }
  });

  test('sends who has paid to the success address, with the session filled in', async () => {
    const session = await shop.checkout();
    const response = await shop.payOnPage(session);
    expect(response.status).toBe(303);
    expect(response.headers.get('location')).toBe(`https://shop.example/thanks?session=${session.id}`);
  });

  test('says that it was paid, and does not take a second payment', async () => {
    const session = await shop.checkout();
    await shop.payOnPage(session);
    expect(await read(fetch(`${shop.double.url}/c/pay/${session.id}`))).toContain('You have paid $24.00');
    expect((await shop.payOnPage(session)).status).toBe(409);
    expect((await shop.stripe.events.list({ type: 'charge.succeeded' })).data).toHaveLength(1);
  });

  test('takes one payment when the button is pressed twice at once', async () => {
    const session = await shop.checkout();
    const answers = await Promise.all([shop.payOnPage(session), shop.payOnPage(session)]);
    expect(answers.map(({ status }) => status).sort()).toEqual([303, 409]);
    expect((await shop.stripe.events.list({ type: 'charge.succeeded' })).data).toHaveLength(1);
  });

  test('says that a bank debit is under way, and then how it ended', async () => {
    const session = await shop.checkout();
    await shop.payOnPage(session, 'later');
    const look = () => read(fetch(String(session.url)));
    expect(await look()).toContain('Your bank debit is under way');
    await shop.post(`/double/sessions/${session.id}/settle`, { outcome: 'failed' });
    expect(await look()).toContain('Your bank has returned the debit');
  });

  test('says that a checkout has expired, and takes no money for it', async () => {
    const session = await shop.checkout();
    await shop.stripe.checkout.sessions.expire(session.id);
    const response = await shop.payOnPage(session);
    expect(response.status).toBe(409);
    expect(await read(response)).toContain('This checkout has expired');
    expect((await fetch(String(session.url))).status).toBe(410);
  });

  test('sends who cancels back to the shop, and leaves the checkout open', async () => {
    const session = await shop.checkout();
    const response = await shop.payOnPage(session, 'cancel');
    expect(response.headers.get('location')).toBe('https://shop.example/cart');
    expect((await shop.stripe.checkout.sessions.retrieve(session.id)).status).toBe('open');
  });

  test('asks again for an address that is none, and keeps the name', async () => {
    const session = await shop.checkout();
    const response = await shop.payOnPage(session, 'pay', 'nobody');
    expect(response.status).toBe(400);
    const page = await read(response);
    expect(page).toContain('Please enter a valid email address.');
    expect(page).toContain('value="Ada Lovelace"');
  });

  test('escapes what it is given', async () => {
    const price_data = {
      currency: 'usd',
      unit_amount: 900,
      product_data: { name: '<script>alert(1)</script>' },
    };
    const session = await shop.checkout({ line_items: [{ quantity: 1, price_data }] });
    const page = await read(shop.payOnPage(session, 'decline', '"><script>x</script>'));
    expect(page).not.toContain('<script>');
    expect(page).toContain('&lt;script&gt;alert(1)');
  });

  test('lets who owes nothing confirm, without a payment', async () => {
    const price_data = { currency: 'usd', unit_amount: 0, product_data: { name: 'Gift' } };
    const session = await shop.checkout({ line_items: [{ quantity: 1, price_data }] });
    await shop.payOnPage(session);
    expect(await shop.stripe.checkout.sessions.retrieve(session.id)).toMatchObject({
      status: 'complete',
      payment_status: 'no_payment_required',
      payment_intent: null,
    });
  });

  test('offers no bank debit in a currency that has none', async () => {
    const price_data = { currency: 'jpy', unit_amount: 900, product_data: { name: 'Photo' } };
    const session = await shop.checkout({ line_items: [{ quantity: 1, price_data }] });
    expect(await read(fetch(String(session.url)))).not.toContain('Pay later');
    expect((await shop.payOnPage(session, 'later')).status).toBe(400);
  });
});

describe('the operator’s page', () => {
  test('lists checkouts and what did not reach the webhook', async () => {
    shop.webhook.answers.status = 500;
    await shop.payOnPage(await shop.checkout());
    await shop.double.settled();
    const page = await read(fetch(shop.double.url));
    for (const words of [
      'Ada@Example.org',
      '$24.00',
      'Paid',
      '3 events not delivered yet',
      'last: 500',
      '/double/faults',
    ]) {
      expect(page).toContain(words);
    }
  });

  test('answers a browser’s button with the page, and a program with what changed', async () => {
    const session = await shop.checkout();
    await shop.payOnPage(session);
    const { payment_intent } = await shop.stripe.checkout.sessions.retrieve(session.id);
    const url = `${shop.double.url}/double/payments/${payment_intent}/refund`;
    const pressed = await fetch(url, {
      method: 'POST',
      headers: { accept: 'text/html' },
      body: new URLSearchParams({ amount: '500' }),
      redirect: 'manual',
    });
    expect([pressed.status, pressed.headers.get('location')]).toEqual([303, '/']);
    const posted = await fetch(url, { method: 'POST', body: new URLSearchParams({ amount: '' }) });
    expect(await posted.json()).toMatchObject({ refunds: [{ amount: 500 }, { amount: 1900 }] });
    expect(await read(fetch(shop.double.url))).toContain('Refunded');
  });

  test('says what an endpoint did not understand', async () => {
    const response = await shop.post('/double/disputes/du_1/close', { status: 'won' });
    expect([response.status, await response.json()]).toMatchObject([
      404,
      { error: { code: 'resource_missing' } },
    ]);
  });
});
