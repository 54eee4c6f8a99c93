/**
 * What a test does behind the customer's back: queues, secrets, the providers' doubles, and the
 * rows that were written.
 */
import { SendMessageCommand, SQSClient } from '@aws-sdk/client-sqs';
import { type FaultRule, operator, type QueueModel } from '@restoreclick/local-aws';
import { z } from 'zod';
import type { Addresses, Mail } from '../../demo/customer.ts';
import type { TestSystem } from './system.ts';

/** The real client's settings, as an operator has them in a profile of the AWS CLI. */
export const asOperator = ({ urls }: TestSystem) => ({
  endpoint: urls.aws,
  region: 'us-east-1',
  credentials: operator,
});

/** @param step flow and step: `payment/place-order` */
export function functionOf({ model }: TestSystem, step: string) {
  const found = model.functions.find(({ description }) => description.startsWith(`${step}:`));
  if (!found) throw new Error(`There is no function for ${step}.`);
  return found;
}

/** The queue that feeds a step. */
export function queueOf(system: TestSystem, step: string): QueueModel {
  const { logicalId } = functionOf(system, step);
  const source = system.model.eventSources.find(({ functionId }) => functionId === logicalId);
  const queue = system.model.queues.find(({ arn }) => arn === source?.queueArn);
  if (!queue) throw new Error(`No queue feeds ${step}.`);
  return queue;
}

/** Sends a step a message, as anybody with the right to would. */
export async function sendTo(system: TestSystem, step: string, message: object): Promise<void> {
  const client = new SQSClient(asOperator(system));
  await client.send(
    new SendMessageCommand({ QueueUrl: queueOf(system, step).url, MessageBody: JSON.stringify(message) }),
  );
  client.destroy();
}

/** How many messages each dead-letter queue holds; only those that hold any. */
export function givenUp(system: TestSystem): Record<string, number> {
  const graves = system.model.queues.flatMap(({ redrive }) => redrive?.deadLetterArn ?? []);
  const counts = graves.map((arn) => [arn.split(':').at(-1) ?? '', system.sqs.counts(arn).visible] as const);
  return Object.fromEntries(counts.filter(([, count]) => count > 0));
}

/** A fault among the calls of one step. */
export const injectInto = (system: TestSystem, step: string, rule: Omit<FaultRule, 'function'>) =>
  system.faults.inject({ times: 1, ...rule, function: functionOf(system, step).name });

/** Half an hour and its jitter: as late as a message comes again that time will mend. */
export const longestWaitSeconds = 1800 * 1.25;

/**
 * Waits until a step has failed `times` in all, then moves the clock to where its messages come
 * again.
 */
export async function comesAgain(system: TestSystem, step: string, times = 1, seconds = 0): Promise<void> {
  const { logicalId } = functionOf(system, step);
  const failures = async () =>
    system.log.filter((line) => line.startsWith(`[aws] ${logicalId} failed`)).length;
  await system.until(failures, (count) => count >= times);
  system.clock.advance(Math.max(seconds, queueOf(system, step).visibilityTimeoutSeconds) * 1000);
}

/** A member of the secret that functions find under that variable. */
export function secretOf(system: TestSystem, variable: string, member: string): string {
  const arn = system.model.functions
    .map(({ environment }) => environment[variable])
    .find((value) => value !== undefined);
  const secret = system.model.secrets.find((candidate) => candidate.arn === arn);
  const value = z
    .record(z.string(), z.string())
    .parse(JSON.parse((secret && system.secretsManager.value(secret.logicalId)) ?? ''));
  return value[member] ?? '';
}

/** A call of Stripe's API, as Stripe's dashboard would make it. */
export async function stripe<T>(system: TestSystem, path: string): Promise<T> {
  const key = secretOf(system, 'STRIPE_SECRET_ARN', 'apiKey');
  const answer = await fetch(`${system.urls.payments}/v1/${path}`, {
    headers: { authorization: `Bearer ${key}` },
  });
  if (!answer.ok) throw new Error(`Stripe answered ${answer.status}: ${await answer.text()}`);
  return (await answer.json()) as T;
}

type Purchase = {
  payment_intent: { id: string };
  refunds: { id: string; status: string }[];
  disputes: { id: string }[];
};

/** What only Stripe's operator can make happen: `payments/{id}/refund`, `sessions/{id}/settle`. */
export async function atStripe(
  { urls }: TestSystem,
  path: string,
  form: Record<string, string> = {},
): Promise<Purchase> {
  const answer = await fetch(`${urls.payments}/double/${path}`, {
    method: 'POST',
    body: new URLSearchParams(form),
  });
  if (!answer.ok) throw new Error(`Stripe's double answered ${answer.status}: ${await answer.text()}`);
  return (await answer.json()) as Purchase;
}

export type Prediction = { id: string; status: string; input: { input_image?: string }; output: unknown };

const replicateHeaders = (system: TestSystem) => ({
  authorization: `Bearer ${secretOf(system, 'REPLICATE_SECRET_ARN', 'apiToken')}`,
});

/** The predictions that Replicate was paid for, of photos whose key holds `part`; newest first. */
export async function predictions(system: TestSystem, part: string): Promise<Prediction[]> {
  const answer = await fetch(`${system.urls.restorations}/v1/predictions`, {
    headers: replicateHeaders(system),
  });
  const { results } = (await answer.json()) as { results: Prediction[] };
  return results.filter(({ input }) => (input.input_image ?? '').includes(part));
}

export async function cancelPrediction(system: TestSystem, id: string): Promise<void> {
  const url = `${system.urls.restorations}/v1/predictions/${id}/cancel`;
  await fetch(url, { method: 'POST', headers: replicateHeaders(system) });
}

/** Makes the next predictions, or the next calls, fail at Replicate. */
export async function breakReplicate({ urls }: TestSystem, order: object): Promise<void> {
  const headers = { 'content-type': 'application/json' };
  const answer = await fetch(`${urls.restorations}/double/faults`, {
    method: 'POST',
    headers,
    body: JSON.stringify(order),
  });
  if (!answer.ok) throw new Error(await answer.text());
}

export type ReceivedMail = Mail & {
  attachments: { filename: string }[];
  headers: Record<string, string>;
};

/** All mails to an address so far whose subject begins so, oldest first. */
export async function mailsTo({ mailbox }: Addresses, email: string, subject = ''): Promise<ReceivedMail[]> {
  const list = await fetch(`${mailbox}/api/messages?to=${encodeURIComponent(email)}`);
  const { messages } = (await list.json()) as { messages: { id: string }[] };
  const mails = messages.map(
    async ({ id }) => (await (await fetch(`${mailbox}/api/messages/${id}`)).json()) as ReceivedMail,
  );
  return (await Promise.all(mails)).filter((mail) => mail.subject.startsWith(subject)).reverse();
}

type Row = Record<string, unknown>;

/** Rows as the superuser reads them. */
export async function rows(system: TestSystem, sql: string, values: unknown[] = []): Promise<Row[]> {
  return (await system.pool.query<Row>(sql, values)).rows;
}

const tables =
  'customers orders images restoration_jobs email_queue audit_logs file_uploads download_links checkouts webhook_events email_suppressions';

/** Everything that the database holds, to compare with later. */
export async function everything(system: TestSystem): Promise<Record<string, Row[]>> {
  const found = tables
    .split(' ')
    .map(
      async (table) =>
        [table, await rows(system, `select * from restoreclick.${table} order by id`)] as const,
    );
  return Object.fromEntries(await Promise.all(found));
}

/** Every status change that the audit shows and `status_transitions` does not. */
export const illegalMoves = (system: TestSystem): Promise<Row[]> =>
  rows(
    system,
    `select moved.* from (
       select
         case when log.entity_type = 'image' then image.type
           when log.entity_type = 'restoration_job' then 'job'
           when log.entity_type = 'file_upload' then 'upload'
           when field = 'payment_status' then 'payment' else log.entity_type end as entity,
         log.entity_id, coalesce(log.old_values ->> field, '') as was, log.new_values ->> field as becomes
       from restoreclick.audit_logs as log
       cross join (values ('status'), ('payment_status')) as fields (field)
       left join restoreclick.images as image on image.id = log.entity_id
       where log.action in ('created', 'status_changed') and log.new_values ? field
     ) as moved
     where entity in (select entity from restoreclick.status_transitions)
       and not exists (
         select from restoreclick.status_transitions as legal
         where legal.entity = moved.entity and legal.from_status = moved.was and legal.to_status = moved.becomes)`,
  );
