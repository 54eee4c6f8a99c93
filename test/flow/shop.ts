/**
 * Who calls the API of a running system: a customer's requests, Stripe's and SendGrid's signed
 * ones, and two orders to ask about.
 */
import { createHash, createHmac, createPrivateKey, randomUUID, sign } from 'node:crypto';
import { DeleteObjectCommand, S3Client } from '@aws-sdk/client-s3';
import pg from 'pg';
import { Stripe } from 'stripe';
import { z } from 'zod';
import * as customer from '../../demo/customer.ts';
import { asOperator, atStripe, breakReplicate, functionOf, rows } from './backstage.ts';
import { ada, ended, photo, type TestSystem, uploadPhotos } from './system.ts';

type Asked = {
  json?: unknown;
  body?: string | Uint8Array<ArrayBuffer>;
  key?: string;
  headers?: Record<string, string>;
};
export type Shop = ReturnType<typeof openShop>;
export type PaidOrder = customer.Order & { checkoutId: string; sessionId: string };

/** Runs once, however often it is asked for. */
export function once<T>(make: () => Promise<T>): () => Promise<T> {
  let made: Promise<T> | undefined;
  return () => {
    made ??= make();
    return made;
  };
}

const created = z.object({ sessionId: z.string() });
const opened = z.object({ checkoutId: z.string(), url: z.string() });

export function openShop(system: TestSystem) {
  const { at } = system;

  function ask(method: string, path: string, { json, body, key, headers = {} }: Asked = {}) {
    const sent = json === undefined ? body : JSON.stringify(json);
    return fetch(at.api + path, {
      method,
      redirect: 'manual',
      headers: {
        ...(sent === undefined ? {} : { 'content-type': 'application/json' }),
        ...(key === undefined ? {} : { authorization: `Bearer ${key}` }),
        ...headers,
      },
      ...(sent === undefined ? {} : { body: sent }),
    });
  }
  const post = (path: string, json: unknown, key?: string) =>
    ask('POST', path, { json, ...(key === undefined ? {} : { key }) });
  const announce = (...photos: object[]) => post('/api/upload', { photos });

  /** A session whose one photo never comes. */
  async function waitingSession(): Promise<string> {
    const answer = await announce({ name: 'late.jpg', type: 'image/jpeg', size: 1000 });
    return created.parse(await answer.json()).sessionId;
  }
  /** A session of a PDF that calls itself a photo. */
  const refusedSession = async () =>
    uploadPhotos(system, [{ name: 'a.jpg', type: 'image/jpeg', bytes: Buffer.from('%PDF-1.7\n%âãÏÓ\n') }]);
  const arrivedSession = async () => uploadPhotos(system, [await photo('Grandma.jpg', 1)]);

  async function checkout(sessionId: string) {
    return opened.parse(await (await post('/api/checkout', { sessionId })).json());
  }
  async function order(outcome: 'pay' | 'later', photos: customer.Photo[]): Promise<PaidOrder> {
    const sessionId = await uploadPhotos(system, photos);
    const { checkoutId, url } = await checkout(sessionId);
    await fetch(`${url}/pay`, {
      method: 'POST',
      body: new URLSearchParams({ outcome, ...ada }),
      redirect: 'manual',
    });
    return { ...(await customer.claim(at, checkoutId)), checkoutId, sessionId };
  }

  async function withheld(how: 'refund' | 'dispute', status: string) {
    const made = await order('pay', [await photo(`${how}.jpg`, 7)]);
    const { photos } = await ended(system, made);
    const paymentOf = async () =>
      (await rows(system, 'select * from restoreclick.orders where id = $1', [made.orderId]))[0];
    const path = await linkTo(made, { type: 'single_image', imageId: photos[0]?.restored?.id });
    await atStripe(system, `payments/${(await paymentOf())?.stripe_payment_intent_id}/${how}`);
    await system.until(paymentOf, (row) => row?.payment_status === status);
    return { ...made, path };
  }
  /** A link's path: `/download/…` */
  async function linkTo(made: PaidOrder, wanted: object): Promise<string> {
    const answer = await post(`/api/orders/${made.orderId}/downloads`, wanted, made.key);
    return new URL(z.object({ url: z.string() }).parse(await answer.json()).url).pathname;
  }

  const restored = once(async () => {
    const made = await order('pay', [await photo('Grandma.jpg', 2), await photo('Grandpa.jpg', 3)]);
    const { photos } = await ended(system, made);
    return { ...made, photos };
  });

  const refunded = once(() => withheld('refund', 'refunded'));
  const disputed = once(() => withheld('dispute', 'disputed'));

  const another = once(async () => {
    const made = await order('pay', [await photo('Nephew.jpg', 6)]);
    await ended(system, made);
    return made;
  });

  return {
    system,
    ask,
    post,
    announce,
    waitingSession,
    refusedSession,
    arrivedSession,
    checkout,
    /** Two photos, restored. */
    restored,
    /** A photo of each, restored; then its money went back, or is held by a bank. */
    refunded,
    disputed,
    /** Whose links nobody else counts. */
    another,
    /** Paid, and its one photo could not be restored. */
    unrestored: once(async () => {
      // Not before all others have ended: the fault is for the next prediction, whose ever.
      await Promise.all([restored(), refunded(), disputed(), another()]);
      await breakReplicate(system, { fault: 'moderation' });
      const made = await order('pay', [await photo('Aunt.jpg', 5)]);
      await ended(system, made);
      return made;
    }),
    /** Paid by bank, which takes three days. */
    unpaid: once(async () => order('later', [await photo('Uncle.jpg', 4)])),
    linkTo,
    /** The path that a mail of an order names for who wants no more; of one that exists. */
    unsubscribing: once(async () => {
      const { orderId } = await restored();
      const [email] = await rows(system, 'select id from restoreclick.email_queue where order_id = $1', [
        orderId,
      ]);
      return `/unsubscribe/${email?.id}.${proofOf(system, String(email?.id))}`;
    }),
    fromStripe: (event: object, { age = 0, headers = {} }: { age?: number; headers?: object } = {}) => {
      const body = JSON.stringify(event);
      return ask('POST', '/api/webhooks/stripe', {
        body,
        headers: { 'stripe-signature': stripeSignature(system, body, age), ...headers },
      });
    },
    fromSendGrid: async (body: string) => {
      const timestamp = String(Math.floor(system.clock.now() / 1000));
      const key = await sendGridKey(system);
      return ask('POST', '/api/webhooks/sendgrid', {
        body,
        headers: {
          'x-twilio-email-event-webhook-timestamp': timestamp,
          'x-twilio-email-event-webhook-signature': sign(
            'sha256',
            Buffer.from(timestamp + body),
            key,
          ).toString('base64'),
        },
      });
    },
    /** Deletes what lies in the temporary bucket of a session, as nobody should. */
    async lose(sessionId: string) {
      const { rows } = await system.pool.query(
        'select storage_path from restoreclick.file_uploads where upload_session_id = $1',
        [sessionId],
      );
      const Bucket = functionOf(system, 'payment/create-checkout').environment.TEMP_BUCKET;
      const s3 = new S3Client(asOperator(system));
      for (const { storage_path: Key } of rows) await s3.send(new DeleteObjectCommand({ Bucket, Key }));
      s3.destroy();
    },
    /** A statement of the owner's, with its actor as the CTE `actor`. */
    asOwner: (sql: string, ...values: string[]) =>
      system.pool.query(
        `with actor as materialized (select set_config('app.actor', 'test', true)) ${sql}`,
        values,
      ),
    expire: (path: string) =>
      system.pool.query(
        `with actor as materialized (select set_config('app.actor', 'test', true))
         update restoreclick.download_links set expires_at = created_at + interval '1 ms'
         from actor where token = $1`,
        [createHash('sha256').update(path.replace('/download/', '')).digest('hex')],
      ),
  };
}

/** @param age in seconds */
function stripeSignature({ model, secretsManager, clock }: TestSystem, payload: string, age: number): string {
  const arn = model.functions.find(({ environment }) => environment.STRIPE_SECRET_ARN)?.environment
    .STRIPE_SECRET_ARN;
  const logicalId = model.secrets.find((secret) => secret.arn === arn)?.logicalId ?? '';
  const { webhookSecret } = z
    .object({ webhookSecret: z.string() })
    .parse(JSON.parse(secretsManager.value(logicalId) ?? ''));
  const timestamp = Math.floor(clock.now() / 1000) - age;
  return Stripe.webhooks.generateTestHeaderString({ payload, secret: webhookSecret, timestamp });
}

/** SendGrid's double keeps it among its documents. */
async function sendGridKey({ pool }: TestSystem) {
  const { rows: [found] = [] } = await pool.query('select current_database() as name');
  const services = new pg.Client({
    ...pool.options,
    password: pool.options.password,
    database: `${found?.name}_services`,
  });
  await services.connect();
  try {
    const { rows } = await services.query(
      `select value ->> 'privateKey' as key from documents where collection = 'sendgrid/keys'`,
    );
    return createPrivateKey({ key: Buffer.from(rows[0]?.key, 'base64'), format: 'der', type: 'pkcs8' });
  } finally {
    await services.end();
  }
}

/** One event of an email that nobody sent. */
export const strayEmailEvent = () => ({
  sg_event_id: randomUUID(),
  event: 'delivered',
  timestamp: 1_795_341_600,
  email_id: randomUUID(),
});

/** As the mail's own link has it. */
function proofOf({ model, secretsManager }: TestSystem, emailId: string): string {
  const arn = model.functions.find(({ environment }) => environment.ORDER_KEY_SECRET_ARN)?.environment
    .ORDER_KEY_SECRET_ARN;
  const logicalId = model.secrets.find((secret) => secret.arn === arn)?.logicalId ?? '';
  return createHmac('sha256', secretsManager.value(logicalId) ?? '')
    .update(`unsubscribe ${emailId}`)
    .digest('base64url');
}
