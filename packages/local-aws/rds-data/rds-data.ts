/** The Data API of the local Aurora: one statement a call, on PostgreSQL, with AWS's limits. */
import { bindParameters, parameter } from '@restoreclick/data-api';
import { z } from 'zod';
import type { Clock } from '../clock/index.ts';
import {
  type AwsCall,
  AwsError,
  type AwsService,
  jsonAnswer,
  notImplemented,
  readJson,
} from '../gateway/index.ts';
import type { Login, PgServer } from '../postgres/index.ts';
import { type Catalog, createCatalog } from './catalog.ts';
import { databaseError } from './database-error.ts';
import { answerOf } from './result.ts';
import { createSessions, type Session, type Sessions } from './sessions.ts';
import { createStatementLog, type StatementLog } from './statement-log.ts';
import { createTransactions, type Transactions } from './transactions.ts';

export type RdsData = Pick<StatementLog, 'statements' | 'forgetStatements'> & {
  service: AwsService;
  /** Answers as a paused cluster that wakes up: until told `false`, or that many times. */
  resuming(on: boolean | number): void;
  /** Rolls back the open transactions. The connections end with the server's. */
  stop(): Promise<void>;
};

type Options = {
  database: { clusterArn: string };
  server: PgServer;
  /** User and password in the secret of that ARN. */
  secretOf(arn: string): Promise<Login>;
  clock: Pick<Clock, 'ahead' | 'after'>;
  /** The setting in which statements find how far the clock is ahead: `app.clock_offset`. */
  clockSetting?: string;
  /** How long a call waits for its statement, by the wall; 45 s as in AWS. */
  timeoutMs?: number;
};

type Context = {
  sessions: Sessions;
  transactions: Transactions;
  log: StatementLog;
  secretOf: Options['secretOf'];
  catalogOf(database: string): Catalog;
  admit: Admit;
};

type Operation = (context: Context, call: AwsCall) => Promise<object>;

const arns = { resourceArn: z.string(), secretArn: z.string() };
const place = { database: z.string().default('postgres'), schema: z.string().optional() };
const requests = {
  execute: z.strictObject({
    ...arns,
    ...place,
    sql: z.string().max(64 * 1024),
    transactionId: z.string().optional(),
    parameters: z.array(parameter).default([]),
    includeResultMetadata: z.boolean().default(false),
    continueAfterTimeout: z.boolean().default(false),
  }),
  begin: z.strictObject({ ...arns, ...place }),
  end: z.strictObject({ ...arns, transactionId: z.string() }),
};

export function createRdsData(options: Options): RdsData {
  const { server, secretOf, clock } = options;
  const transactions = createTransactions(clock);
  const log = createStatementLog();
  const catalogs = new Map<string, Catalog>();
  let resuming: boolean | number = false;
  const isResuming = () => resuming === true || (typeof resuming === 'number' && resuming-- > 0);
  const context: Context = {
    sessions: createSessions(server, options),
    transactions,
    log,
    secretOf,
    catalogOf(name) {
      const catalog = catalogs.get(name) ?? createCatalog(server.pool(name));
      catalogs.set(name, catalog);
      return catalog;
    },
    admit: admission(options.database.clusterArn, isResuming),
  };
  return {
    async service(call) {
      const operation = operations[call.path];
      if (!operation) throw notImplemented('Data API', `${call.method} ${call.path}`);
      try {
        return jsonAnswer(await operation(context, call));
      } catch (error) {
        throw databaseError(error);
      }
    },
    resuming(on) {
      resuming = on;
    },
    statements: log.statements,
    forgetStatements: log.forgetStatements,
    stop: transactions.stop,
  };
}

type Admit = <T extends { resourceArn: string; secretArn: string }>(
  call: AwsCall,
  action: string,
  shape: z.ZodType<T>,
) => Promise<T>;

/** What every call has in common: the request's shape, the caller's rights, the cluster's state. */
function admission(clusterArn: string, isResuming: () => boolean): Admit {
  return async (call, action, shape) => {
    const parsed = shape.safeParse(await readJson(call));
    if (!parsed.success)
      throw new AwsError('ValidationException', `${action}: ${z.prettifyError(parsed.error)}`);
    const { resourceArn, secretArn } = parsed.data;
    call.authorize(`rds-data:${action}`, resourceArn);
    call.authorize('secretsmanager:GetSecretValue', secretArn);
    if (resourceArn !== clusterArn)
      throw new AwsError('DatabaseNotFoundException', `There is no cluster ${resourceArn}.`, 404);
    if (isResuming()) {
      const state = 'is resuming after being auto-paused. Please wait a few seconds and try again.';
      throw new AwsError('DatabaseResumingException', `The Aurora DB instance ${state}`);
    }
    return parsed.data;
  };
}

/** A session for one call; a statement that outlives its call keeps the session until it ends. */
async function withSession<T>(
  { sessions, secretOf }: Context,
  { database, secretArn }: { database: string; secretArn: string },
  work: (session: Session) => Promise<T>,
): Promise<T> {
  const session = await sessions.open(database, await secretOf(secretArn));
  try {
    return await work(session);
  } finally {
    void session.end();
  }
}

const execute: Operation = async (context, call) => {
  const request = await context.admit(call, 'ExecuteStatement', requests.execute);
  const { sql, secretArn, transactionId, continueAfterTimeout } = request;
  const query = { ...bindParameters(sql, request.parameters), continueAfterTimeout };
  const result = await context.log.during(call.caller, sql, () =>
    transactionId === undefined
      ? withSession(context, request, (session) => session.run(query))
      : context.transactions.run(transactionId, secretArn, query),
  );
  return answerOf(result, context.catalogOf(request.database), request.includeResultMetadata);
};

const begin: Operation = async ({ admit, sessions, transactions, secretOf }, call) => {
  const { database, secretArn } = await admit(call, 'BeginTransaction', requests.begin);
  const session = await sessions.open(database, await secretOf(secretArn));
  return { transactionId: await transactions.begin(session, secretArn) };
};

const end =
  (action: string, how: 'commit' | 'rollback', transactionStatus: string): Operation =>
  async ({ admit, transactions }, call) => {
    const { transactionId, secretArn } = await admit(call, action, requests.end);
    await transactions.end(transactionId, secretArn, how);
    return { transactionStatus };
  };

const operations: Record<string, Operation> = {
  '/Execute': execute,
  '/BeginTransaction': begin,
  '/CommitTransaction': end('CommitTransaction', 'commit', 'Transaction Committed'),
  '/RollbackTransaction': end('RollbackTransaction', 'rollback', 'Rollback Complete'),
};
