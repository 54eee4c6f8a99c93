/** The Data API of the local Aurora: one statement a call, on PostgreSQL, with AWS's limits. */
import { z } from 'zod';
import { bindParameters, type Parameter, parameter } from '../../data-api/parameters.ts';
import type { Clock } from '../clock.ts';
import {
  type AwsCall,
  AwsError,
  type AwsService,
  jsonAnswer,
  notImplemented,
  readJson,
} from '../gateway/service.ts';
import type { Login, PgServer } from '../postgres/server.ts';
import { type Catalog, createCatalog } from './catalog.ts';
import { databaseError, sqlstateOf } from './database-error.ts';
import { answerOf, type TextResult } from './result.ts';
import { createSessions, type Session } from './sessions.ts';
import { createTransactions } from './transactions.ts';

/** One statement that somebody ran. Values of parameters are not kept. */
export type StatementRun = { caller: string; sql: string; ms: number; sqlstate?: string };

export type RdsData = {
  service: AwsService;
  /** Answers calls with DatabaseResumingException, as a paused cluster does: until told `false`, or that many times. */
  resuming(on: boolean | number): void;
  /** What has run since the start or since `forgetStatements`, oldest first; the last 10,000. */
  statements(): readonly StatementRun[];
  forgetStatements(): void;
  /** Rolls back the open transactions. The connections end with the server's. */
  stop(): Promise<void>;
};

type Options = {
  database: { clusterArn: string };
  server: PgServer;
  /** User and password in the secret of that ARN. */
  secretOf(arn: string): Promise<Login>;
  clock: Pick<Clock, 'ahead' | 'after'>;
  /** How long a call waits for its statement, by the wall; 45 s as in AWS. */
  timeoutMs?: number;
};

const statement = {
  database: z.string().default('postgres'),
  schema: z.string().optional(),
  resourceArn: z.string(),
  secretArn: z.string(),
  sql: z.string().max(64 * 1024),
  transactionId: z.string().optional(),
};
const requests = {
  execute: z.strictObject({
    ...statement,
    parameters: z.array(parameter).default([]),
    includeResultMetadata: z.boolean().default(false),
    continueAfterTimeout: z.boolean().default(false),
  }),
  batch: z.strictObject({ ...statement, parameterSets: z.array(z.array(parameter)).default([]) }),
  begin: z.strictObject({
    database: statement.database,
    schema: statement.schema,
    resourceArn: z.string(),
    secretArn: z.string(),
  }),
  end: z.strictObject({ resourceArn: z.string(), secretArn: z.string(), transactionId: z.string() }),
};

const mostRemembered = 10_000;

export function createRdsData({ database, server, secretOf, clock, timeoutMs = 45_000 }: Options): RdsData {
  const sessions = createSessions(server, clock, timeoutMs);
  const transactions = createTransactions(clock);
  const catalogs = new Map<string, Catalog>();
  const runs: StatementRun[] = [];
  let resuming: boolean | number = false;

  function catalogOf(name: string): Catalog {
    const catalog = catalogs.get(name) ?? createCatalog(server.pool(name));
    catalogs.set(name, catalog);
    return catalog;
  }
  /** What every call has in common: the request's shape, the caller's rights, the cluster's state. */
  async function admit<T extends { resourceArn: string; secretArn: string }>(
    call: AwsCall,
    action: string,
    shape: z.ZodType<T>,
  ): Promise<T> {
    const parsed = shape.safeParse(await readJson(call));
    if (!parsed.success) {
      throw new AwsError('ValidationException', `${action}: ${z.prettifyError(parsed.error)}`);
    }
    const { resourceArn, secretArn } = parsed.data;
    call.authorize(`rds-data:${action}`, resourceArn);
    call.authorize('secretsmanager:GetSecretValue', secretArn);
    if (resourceArn !== database.clusterArn) {
      throw new AwsError('DatabaseNotFoundException', `There is no cluster ${resourceArn}.`, 404);
    }
    if (resuming === true || (typeof resuming === 'number' && resuming-- > 0)) {
      const said = 'is resuming after being auto-paused. Please wait a few seconds and try again.';
      throw new AwsError('DatabaseResumingException', `The Aurora DB instance ${said}`);
    }
    return parsed.data;
  }
  async function remember(caller: string, sql: string, work: () => Promise<TextResult>): Promise<TextResult> {
    const started = performance.now();
    const note = (sqlstate?: string) => {
      const ms = performance.now() - started;
      runs.push(sqlstate === undefined ? { caller, sql, ms } : { caller, sql, ms, sqlstate });
      if (runs.length > mostRemembered) runs.shift();
    };
    try {
      const result = await work();
      note();
      return result;
    } catch (error) {
      note(sqlstateOf(error) ?? (error instanceof AwsError ? error.code : 'unknown'));
      throw error;
    }
  }
  /** A session for one call; a statement that goes on after its call keeps the session until it ends. */
  async function withSession<T>(name: string, arn: string, work: (session: Session) => Promise<T>) {
    const session = await sessions.open(name, await secretOf(arn));
    try {
      return await work(session);
    } finally {
      void session.end();
    }
  }

  const operations: Record<string, (call: AwsCall) => Promise<object>> = {
    async '/Execute'(call) {
      const request = await admit(call, 'ExecuteStatement', requests.execute);
      const { sql, secretArn, transactionId, continueAfterTimeout } = request;
      const query = { ...bindParameters(sql, request.parameters), continueAfterTimeout };
      const result = await remember(call.caller, sql, () =>
        transactionId === undefined
          ? withSession(request.database, secretArn, (session) => session.run(query))
          : transactions.run(transactionId, secretArn, query),
      );
      return answerOf(result, catalogOf(request.database), request.includeResultMetadata);
    },
    async '/BatchExecute'(call) {
      const { sql, parameterSets, ...request } = await admit(call, 'BatchExecuteStatement', requests.batch);
      const run = async (work: (parameters: Parameter[]) => Promise<TextResult>) => {
        for (const set of parameterSets) await remember(call.caller, sql, () => work(set));
      };
      const query = (set: Parameter[]) => ({ ...bindParameters(sql, set), continueAfterTimeout: false });
      const { transactionId, secretArn } = request;
      if (transactionId !== undefined) {
        await run((set) => transactions.run(transactionId, secretArn, query(set)));
      } else {
        await withSession(request.database, secretArn, (session) => run((set) => session.run(query(set))));
      }
      return { updateResults: parameterSets.map(() => ({ generatedFields: [] })) };
    },
    async '/BeginTransaction'(call) {
      const request = await admit(call, 'BeginTransaction', requests.begin);
      const session = await sessions.open(request.database, await secretOf(request.secretArn));
      return { transactionId: await transactions.begin(session, request.secretArn) };
    },
    async '/CommitTransaction'(call) {
      const { transactionId, secretArn } = await admit(call, 'CommitTransaction', requests.end);
      await transactions.end(transactionId, secretArn, 'commit');
      return { transactionStatus: 'Transaction Committed' };
    },
    async '/RollbackTransaction'(call) {
      const { transactionId, secretArn } = await admit(call, 'RollbackTransaction', requests.end);
      await transactions.end(transactionId, secretArn, 'rollback');
      return { transactionStatus: 'Rollback Complete' };
    },
  };

  return {
    async service(call) {
      const operation = operations[call.path];
      if (!operation) throw notImplemented('Data API', `${call.method} ${call.path}`);
      try {
        return jsonAnswer(await operation(call));
      } catch (error) {
        throw databaseError(error);
      }
    },
    resuming(on) {
      resuming = on;
    },
    statements: () => runs,
    forgetStatements() {
      runs.length = 0;
    },
    stop: transactions.stop,
  };
}
