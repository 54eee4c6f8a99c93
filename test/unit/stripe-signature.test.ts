import { describe, expect, test } from '@jest/globals';
import { Stripe } from 'stripe';
import { verifyEvent } from '../../lambdas/providers/stripe-signature.ts';

const secret = 'whsec_unit';
const now = () => Math.floor(Date.now() / 1000);
const body = (object: object, type = 'checkout.session.completed') =>
  JSON.stringify({ id: 'evt_1', object: 'event', type, data: { object } });
const session = body({ id: 'cs_1', object: 'checkout.session', payment_intent: 'pi_1' });
const header = (payload: string, options: { timestamp?: number; secret?: string } = {}) =>
  Stripe.webhooks.generateTestHeaderString({ payload, secret, ...options });

describe('an event', () => {
  test('of the future is refused, however it is written', () => {
    const timestamp = Math.floor(Date.now() / 1000) + 360;
    for (const signature of [
      header(session, { timestamp }),
      `t=${timestamp - 360},${header(session, { timestamp })}`,
    ])
      expect(() => verifyEvent(session, signature, secret)).toThrow(
        expect.objectContaining({ code: 'signature_invalid' }),
      );
    const soon = Math.floor(Date.now() / 1000) + 60;
    expect(verifyEvent(session, header(session, { timestamp: soon }), secret).id).toBe('evt_1');
  });

  test('is read when its signature is right, from bytes as from text', () => {
    const event = {
      id: 'evt_1',
      type: 'checkout.session.completed',
      objectId: 'cs_1',
      paymentIntentId: 'pi_1',
    };
    expect(verifyEvent(session, header(session), secret)).toEqual(event);
    expect(verifyEvent(Buffer.from(session), header(session), secret)).toEqual(event);
  });

  test('may hold any letter', () => {
    const named = body({ id: 'cs_1', customer_details: { name: 'Zoë Þórðardóttir 写真' } });
    expect(verifyEvent(Buffer.from(named), header(named), secret).objectId).toBe('cs_1');
  });

  test('is accepted when one of several signatures is right, as while the secret is rolled', () => {
    const timestamp = now();
    const [, old] = header(session, { timestamp, secret: 'whsec_old' }).split(',');
    expect(verifyEvent(session, `${header(session, { timestamp })},${old}`, secret).id).toBe('evt_1');
    expect(
      verifyEvent(session, `t=${timestamp},${old},${header(session, { timestamp }).split(',')[1]}`, secret)
        .id,
    ).toBe('evt_1');
  });

  test.each([
    ['is missing', undefined],
    ['is empty', ''],
    ['is not one', 'nonsense'],
    ['was made with another secret', header(session, { secret: 'whsec_other' })],
    ['belongs to another body', header(`${session} `)],
    ['is six minutes old', header(session, { timestamp: now() - 360 })],
  ])('is the caller’s fault when its signature %s', (_what, signature) => {
    expect(() => verifyEvent(session, signature, secret)).toThrow(
      expect.objectContaining({ kind: 'client', status: 400, code: 'signature_invalid' }),
    );
  });

  test('with an empty secret here is our fault, whoever signed it', () => {
    expect(() => verifyEvent(session, header(session), '')).toThrow(
      expect.objectContaining({ kind: 'internal' }),
    );
  });

  test.each([
    ['a payment', { id: 'pi_2', object: 'payment_intent' }, 'pi_2', 'pi_2'],
    [
      'a charge with its payment expanded',
      { id: 'ch_1', object: 'charge', payment_intent: { id: 'pi_3' } },
      'ch_1',
      'pi_3',
    ],
    [
      'a session that nobody paid',
      { id: 'cs_2', object: 'checkout.session', payment_intent: null },
      'cs_2',
      null,
    ],
    ['something without an id', { object: 'balance' }, null, null],
  ])('about %s names its object and its payment', (_what, object, objectId, paymentIntentId) => {
    const payload = body(object, 'some.type');
    expect(verifyEvent(payload, header(payload), secret)).toMatchObject({ objectId, paymentIntentId });
  });
});
