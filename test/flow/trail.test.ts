/**
 * What orders, failures, refunds, shares and downloads leave behind: in the audit, in the log, and
 * in every column of the schema.
 */
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import * as customer from '../../demo/customer.ts';
import { atStripe, breakReplicate, illegalMoves, mailsTo, rows } from './backstage.ts';
import {
  ended,
  openCheckout,
  openSystem,
  payAt,
  payer,
  photo,
  placeOrder,
  type TestSystem,
  uploadPhotos,
} from './system.ts';

/** Every name and address of this customer holds this word, so that none can hide. */
const word = 'geheim';
const by = { email: `tante-${word}@example.com`, name: `Tante ${word}` };

let system: TestSystem;
let order: customer.Order;
const links: string[] = [];

beforeAll(async () => {
  system = await openSystem();
  order = await anOrderWithAFailedPhoto();
  await aShareAndDownloads();
  await aRefusedDebit();
  await aFailedUpload();
  await refunds();
  await system.quiet();
});
afterAll(() => system?.close());

async function anOrderWithAFailedPhoto(): Promise<customer.Order> {
  await breakReplicate(system, { fault: 'E1000' });
  await breakReplicate(system, { fault: 'moderation' });
  const photos = await Promise.all([1, 2, 3].map((seed) => photo(`Oma ${word} ${seed}.jpg`, seed)));
  const placed = await placeOrder(system, photos, by);
  await ended(system, placed);
  const mails = await customer.readMails(system.at, by.email, placed.orderNumber, 2);
  links.push(...mails.flatMap(customer.downloadLinks));
  return placed;
}

async function aShareAndDownloads(): Promise<void> {
  for (const link of links) await customer.download(link);
  const answer = await fetch(`${system.at.api}/api/orders/${order.orderId}/share`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', authorization: `Bearer ${order.key}` },
    body: JSON.stringify({
      recipients: [`cousin-${word}@example.com`, `cousin-${word}@bounce.example`],
      senderName: `Tante ${word}`,
      message: `Das ist ${word}.`,
    }),
  });
  if (answer.status !== 202) throw new Error(await answer.text());
  const shared = await system.until(
    () => mailsTo(system.at, `cousin-${word}@example.com`),
    ({ length }) => length === 1,
  );
  links.push(...shared.flatMap(customer.downloadLinks));
  await system.until(
    () => rows(system, `select id from restoreclick.email_queue where status = 'bounced'`),
    ({ length }) => length === 1,
  );
}

async function aRefusedDebit(): Promise<void> {
  const checkout = await openCheckout(
    system,
    await uploadPhotos(system, [await photo(`Debit ${word}.jpg`, 4)], by),
  );
  await payAt(checkout, payer('debit'), 'later');
  const unpaid = await customer.claim(system.at, checkout.checkoutId);
  await atStripe(system, `sessions/${checkout.checkoutId}/settle`, { outcome: 'failed' });
  await ended(system, unpaid);
}

async function aFailedUpload(): Promise<void> {
  const bytes = Buffer.from('%PDF-1.7 no photo');
  const sessionId = await uploadPhotos(system, [{ name: `${word}.jpg`, type: 'image/jpeg', bytes }], by);
  await customer.arrived(system.at, sessionId);
}

async function refunds(): Promise<void> {
  const [row] = await rows(
    system,
    'select stripe_payment_intent_id as payment from restoreclick.orders where id = $1',
    [order.orderId],
  );
  for (const [form, status] of [
    [{ amount: '100' }, 'partially_refunded'],
    [{}, 'refunded'],
  ] as const) {
    await atStripe(system, `payments/${row?.payment}/refund`, { ...form });
    await system.until(
      () => rows(system, 'select id from restoreclick.orders where payment_status = $1', [status]),
      ({ length }) => length === 1,
    );
  }
}

describe('the audit', () => {
  test('names for every change the step that made it', async () => {
    const actors = await rows(system, 'select distinct performed_by as step from restoreclick.audit_logs');
    const steps = system.model.functions.map(({ description }) => description.split(':')[0]);
    expect(actors.length).toBeGreaterThan(12);
    for (const { step } of actors) expect(steps).toContain(step);
  });

  test('shows no status change that is not legal', async () => {
    expect(await illegalMoves(system)).toEqual([]);
    const moves = await rows(
      system,
      `select id from restoreclick.audit_logs where action = 'status_changed'`,
    );
    expect(moves.length).toBeGreaterThan(30);
  });

  test('says from where a customer did something', async () => {
    const [{ count } = {}] = await rows(
      system,
      `select count(*)::int from restoreclick.audit_logs
       where performed_by = 'order/share-order' and ip_address is not null and user_agent is not null`,
    );
    expect(count).toBe(2);
  });
});

/** What must not be seen by who reads the audit or the log. */
function expectNothingPersonal(text: string): void {
  expect(text.length).toBeGreaterThan(2000);
  expect(text).not.toMatch(new RegExp(word, 'i'));
  expect(text).not.toMatch(/[\w.-]+@[\w-]+\.\w+/);
  expect(text).not.toContain(order.key);
  expect(text).not.toMatch(/X-Amz-Signature|sk_test_|whsec_|r8_|SG\./);
  expect(links.length).toBe(4);
  for (const link of links) expect(text).not.toContain(link.split('/').at(-1));
}

test('neither the audit nor the log holds an email address, a name, a file name, a token or a key', async () => {
  const audit = await rows(system, 'select to_jsonb(log) as row from restoreclick.audit_logs as log');
  const hashes = await rows(system, 'select token from restoreclick.download_links');
  const text = JSON.stringify(audit);
  expectNothingPersonal(text);
  for (const { token } of hashes) expect(text).not.toContain(String(token));
  expectNothingPersonal(system.log.join('\n'));
});

test('tokens lie in the database as their SHA-256 only', async () => {
  const stored = (await rows(system, 'select token from restoreclick.download_links')).map(
    ({ token }) => token,
  );
  for (const link of links) expect(stored).not.toContain(link.split('/').at(-1));
  for (const token of stored) expect(token).toMatch(/^[0-9a-f]{64}$/);
});

const spare = 'For what has no column yet; nothing needs it.';
const asUsual = 'Written, or left, as the schema has it by default.';

/**
 * Columns of the proposal that none of these flows gives another value than its default, each with
 * its reason.
 */
const neverWritten: Record<string, string> = {
  'audit_logs.metadata': spare,
  'customers.metadata': spare,
  'customers.phone': 'Only if Stripe Checkout asks for it, and ours does not.',
  'download_links.max_downloads': asUsual,
  'download_links.metadata': spare,
  'email_queue.cc_emails': 'No email of ours has copies; send-email would send them.',
  'email_queue.error_message': 'Of a send that failed or is to be tried again; here all went through.',
  'email_queue.max_attempts': asUsual,
  'email_queue.metadata': spare,
  'email_queue.sendgrid_template_id': 'The templates are files of the project, not SendGrid’s.',
  'file_uploads.metadata': spare,
  'images.metadata': spare,
  'images.public_url': 'Nothing is public.',
  'orders.currency': asUsual,
  'orders.discount_amount': 'Stripe’s, and there are no discounts here.',
  'orders.metadata': spare,
  'orders.tax_amount': 'Stripe’s, and there is no tax here.',
  'restoration_jobs.external_provider': asUsual,
  'restoration_jobs.max_attempts': 'As by default; only a redrive raises it.',
  'restoration_jobs.metadata': spare,
};

test('every column of the proposal is written by some flow, but for those with a reason', async () => {
  const tables = [
    ...['customers', 'orders', 'images', 'restoration_jobs', 'email_queue', 'audit_logs'],
    ...['file_uploads', 'download_links'],
  ];
  const columns = await rows(
    system,
    `select attribute.attrelid::regclass::text as "table", attribute.attname as "column",
       coalesce(pg_get_expr(definition.adbin, definition.adrelid), 'null') as "default"
     from pg_attribute as attribute
     left join pg_attrdef as definition
       on definition.adrelid = attribute.attrelid and definition.adnum = attribute.attnum
     -- Each of the proposal's tables ends with metadata; what follows is an addition.
     join pg_attribute as last on last.attrelid = attribute.attrelid and last.attname = 'metadata'
     where attribute.attrelid = any ($1::regclass[]) and attribute.attnum between 1 and last.attnum`,
    [tables.map((table) => `restoreclick.${table}`)],
  );
  const unwritten: string[] = [];
  for (const { table, column, default: usual } of columns) {
    const [{ written } = {}] = await rows(
      system,
      `select exists (select from ${table} where "${column}" is distinct from ${usual} and "${column}" is not null) as written`,
    );
    if (!written) unwritten.push(`${String(table).replace('restoreclick.', '')}.${column}`);
  }
  expect(unwritten.sort()).toEqual(Object.keys(neverWritten).sort());
});
