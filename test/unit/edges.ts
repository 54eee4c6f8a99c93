/**
 * The edges of the steps, replaced at the SDK's clients: what is asked of them is kept, what they
 * answer a test says.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { ExecuteStatementCommand, type Field, RDSDataClient } from '@aws-sdk/client-rds-data';
import { GetSecretValueCommand, SecretsManagerClient } from '@aws-sdk/client-secrets-manager';
import { SendMessageBatchCommand, SQSClient } from '@aws-sdk/client-sqs';
import { jest } from '@jest/globals';
import { capturedLog } from './aws.ts';

/** Lists and groups of fields are JSON. */
export type Row = Record<string, string | number | boolean | null | string[] | Record<string, string>>;
type Params = Record<string, unknown>;
/** Rows, or what makes them of the parameters; an error is thrown. */
export type Answer = Row[] | Error | ((params: Params) => Row[]);

export const queue = (name: string) => `https://sqs.us-east-1.amazonaws.com/000000000000/${name}`;

/** What every step's environment holds; steps read theirs when they are imported. */
export const environment = {
  AWS_REGION: 'us-east-1',
  AWS_ACCESS_KEY_ID: 'unit',
  AWS_SECRET_ACCESS_KEY: 'unit',
  DATABASE_CLUSTER_ARN: 'arn:cluster',
  DATABASE_SECRET_ARN: 'arn:login',
  DATABASE_NAME: 'restoreclick',
  STRIPE_SECRET_ARN: 'arn:stripe',
  SENDGRID_SECRET_ARN: 'arn:sendgrid',
  REPLICATE_SECRET_ARN: 'arn:replicate',
  ORDER_KEY_SECRET_ARN: 'arn:order-key',
  TEMP_BUCKET: 'temp',
  ORIGINALS_BUCKET: 'originals',
  RESTORED_BUCKET: 'restored',
  API_URL: 'https://api.example',
  SITE_URL: 'https://site.example',
  SENDER_EMAIL: 'hello@restoreclick.example',
  SENDER_NAME: 'RestoreClick',
  CURRENCY: 'USD',
  PRICE_CENTS: '500',
  MAX_FILES: '100',
  MAX_FILE_BYTES: '50000000',
  MAX_PIXELS: '100000000',
  MAX_OUTPUT_BYTES: '1000000',
  UPLOAD_URL_SECONDS: '7200',
  UPLOAD_EXPIRY_SECONDS: '86400',
  CHECKOUT_MORE_SECONDS: '86400',
  MAX_CHECKOUTS: '10',
  LEASE_SECONDS: '120',
  LINK_EXPIRY_SECONDS: '604800',
  LINK_MAX_DOWNLOADS: '10',
  SHARE_MAX_RECIPIENTS: '10',
  SHARE_MAX_ROUNDS: '3',
  SHARE_MAX_A_DAY: '3',
  AUDIT_DAYS: '400',
  POLLER_ARN: 'arn:poller',
  REPLICATE_MODEL: 'owner/model',
  REPLICATE_OUTPUT_HOSTS: 'replicate.delivery',
  PLACE_ORDER_QUEUE_URL: queue('place-order'),
  SETTLE_PAYMENT_QUEUE_URL: queue('settle-payment'),
  KEEP_ORIGINAL_QUEUE_URL: queue('keep-original'),
  SUBMIT_JOB_QUEUE_URL: queue('submit-job'),
  FAIL_ATTEMPT_QUEUE_URL: queue('fail-attempt'),
  COMPLETE_ORDER_QUEUE_URL: queue('complete-order'),
  SEND_EMAIL_QUEUE_URL: queue('send-email'),
  BUILD_ARCHIVE_QUEUE_URL: queue('build-archive'),
};
Object.assign(process.env, environment);

/** Flow, step and file of each statement, by its text. */
const nameOf = new Map(
  readdirSync(join(import.meta.dirname, '../../lambdas'), { recursive: true, encoding: 'utf8' })
    .filter((path) => path.endsWith('.sql'))
    .map((path) => [
      readFileSync(join(import.meta.dirname, '../../lambdas', path), 'utf8'),
      `${dirname(path)}/${basename(path, '.sql')}`,
    ]),
);

const camelCase = (name: string) => name.replace(/_(\w)/g, (_, letter: string) => letter.toUpperCase());

function toField(value: Row[string] | undefined): Field {
  if (value === null || value === undefined) return { isNull: true };
  if (typeof value === 'object') return { stringValue: JSON.stringify(value) };
  if (typeof value === 'number') return { longValue: value };
  return typeof value === 'boolean' ? { booleanValue: value } : { stringValue: value };
}

function toResult(rows: Row[]) {
  const names = Object.keys(rows[0] ?? {});
  return {
    columnMetadata: names.map((name) => ({
      label: name,
      typeName: typeof (rows[0]?.[name] ?? '') === 'object' ? 'jsonb' : 'text',
    })),
    records: rows.map((row) => names.map((name) => toField(row[name]))),
  };
}

export type Edges = ReturnType<typeof replaceEdges>;

/** For `beforeEach`; `jest.restoreAllMocks()` gives the edges back. */
export function replaceEdges() {
  const answers = new Map<string, Answer>();
  const ran: { statement: string; params: Params }[] = [];
  const sent: { to: string; message: unknown; groupId?: string; delaySeconds?: number }[] = [];
  const refusing = new Set<string>();
  const secretReads: string[] = [];
  const secrets = new Map([
    ['arn:order-key', 'order key secret'],
    ['arn:stripe', JSON.stringify({ apiKey: 'sk_test', webhookSecret: 'whsec_unit' })],
    ['arn:sendgrid', JSON.stringify({ apiKey: 'SG.unit', webhookPublicKey: '' })],
  ]);
  jest.spyOn(RDSDataClient.prototype, 'send').mockImplementation(async (command: object) => {
    if (!(command instanceof ExecuteStatementCommand)) throw new Error('another command');
    const statement = nameOf.get(command.input.sql ?? '') ?? 'unknown';
    const params = Object.fromEntries(
      (command.input.parameters ?? []).map(({ name = '', value }) => [
        camelCase(name),
        value?.isNull ? null : Object.values(value ?? {})[0],
      ]),
    );
    ran.push({ statement, params });
    const answer = answers.get(statement);
    if (answer === undefined) throw new Error(`No answer for ${statement}.`);
    if (answer instanceof Error) throw answer;
    return toResult(Array.isArray(answer) ? answer : answer(params));
  });
  jest.spyOn(SQSClient.prototype, 'send').mockImplementation(async (command: object) => {
    if (!(command instanceof SendMessageBatchCommand)) throw new Error('another command');
    const to = command.input.QueueUrl?.split('/').at(-1) ?? '';
    if (refusing.has(to)) throw new Error(`The queue ${to} is not there.`);
    for (const { MessageBody = '', MessageGroupId, DelaySeconds } of command.input.Entries ?? [])
      sent.push({
        to,
        message: JSON.parse(MessageBody),
        ...(MessageGroupId === undefined ? {} : { groupId: MessageGroupId }),
        ...(DelaySeconds === undefined ? {} : { delaySeconds: DelaySeconds }),
      });
    return {};
  });
  jest.spyOn(SecretsManagerClient.prototype, 'send').mockImplementation(async (command: object) => {
    if (!(command instanceof GetSecretValueCommand)) throw new Error('another command');
    secretReads.push(command.input.SecretId ?? '');
    return { SecretString: secrets.get(command.input.SecretId ?? '') };
  });
  return {
    log: capturedLog(),
    /** By ARN, as Secrets Manager has them now. */
    secrets,
    /** Which were asked of Secrets Manager, in order. */
    secretReads,
    /** What a statement such as `payment/place-order/place` answers from now on. */
    answer: (statement: string, rows: Answer) => void answers.set(statement, rows),
    /** Which statements ran, in order, and with what. */
    ran,
    statements: () => ran.map(({ statement }) => statement),
    paramsOf: (statement: string) => ran.find((each) => each.statement === statement)?.params,
    /** What was sent, in order. */
    sent,
    /** Sending to that queue fails from now on. */
    refuse: (to: string) => void refusing.add(to),
    accept: (to: string) => void refusing.delete(to),
  };
}

/** `{}` if all messages were done; ids otherwise. */
export const failuresOf = (response: { batchItemFailures: { itemIdentifier: string }[] }) =>
  response.batchItemFailures.map(({ itemIdentifier }) => itemIdentifier);
