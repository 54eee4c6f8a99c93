/** Runs a step's statements through the Data API, one round trip each. */
import { ExecuteStatementCommand, type Field, RDSDataClient } from '@aws-sdk/client-rds-data';
import { toParameters, toRows, type Value } from '@restoreclick/data-api';
import { z } from 'zod';
import { isConflict, type Statement, withActor } from '../../schema/statements/statement.ts';
import { internalError, StepError } from './errors.ts';
import { waited } from './invocation.ts';
import { log } from './logging.ts';
import { settings } from './settings.ts';

/** The cluster is paused and wakes up, which takes some 15 s. */
export class DatabaseResuming extends StepError {
  constructor() {
    super('retry', 'waking_up', 'The service is waking up. Please try again in a few seconds.', {
      retryAfterSeconds: 15,
    });
    this.name = 'DatabaseResuming';
  }
}

/** A statement that failed: its name and SQLSTATE, never a value (PostgreSQL's words have them). */
export class StatementError extends StepError {
  /** `payment/place-order/place` */
  readonly statement: string;
  /** `23505`; undefined when the failure is not PostgreSQL's. */
  readonly sqlstate: string | undefined;
  /** Which constraint was violated, of errors of class 23. */
  readonly constraint: string | undefined;

  constructor(statement: string, error: Error) {
    const { sqlstate, constraint, shown } = understand(error);
    const kind = isConflict(sqlstate) || isNotNow(error.name, sqlstate) ? 'retry' : 'internal';
    const cause = sqlstate === undefined ? { cause: error } : {};
    super(kind, 'statement_failed', `Statement ${statement} failed: ${shown}`, cause);
    this.name = 'StatementError';
    this.statement = statement;
    this.sqlstate = sqlstate;
    this.constraint = constraint;
  }
}

const mostTries = 8;
const firstPauseMs = 10;
const longestPauseMs = 500;
/** Between two looks whether the database is awake. */
const wakingPauseMs = 1_000;

let client: RDSDataClient | undefined;
let target: { resourceArn: string; secretArn: string; database: string } | undefined;
let retried = 0;

/** How often this process tried a statement again because another transaction was in its way. */
export function retries(): number {
  return retried;
}

/**
 * All rows of the statement. Serialization failures and deadlocks, which did nothing, are retried;
 * a database that wakes up is waited for while the invocation has the time.
 * @throws DatabaseResuming, StatementError
 */
export async function query<Params extends Record<string, Value>, Row extends object>(
  statement: Statement<Params, Row>,
  params: Params,
): Promise<Row[]> {
  let tries = 1;
  try {
    for (; ; tries += 1) {
      try {
        return await executeAwake(statement, params);
      } catch (error) {
        const again = error instanceof StatementError && isConflict(error.sqlstate) && tries < mostTries;
        if (!again) throw error;
        retried += 1;
        await pause(tries);
      }
    }
  } finally {
    if (tries > 1) log.info('statement tried again', { statement: statement.name, tries });
  }
}

/** The one row of the statement; none or several is a fault of ours. */
export async function queryOne<Params extends Record<string, Value>, Row extends object>(
  statement: Statement<Params, Row>,
  params: Params,
): Promise<Row> {
  const rows = await query(statement, params);
  const [row] = rows;
  if (row === undefined || rows.length > 1) {
    throw internalError(
      'not_one_row',
      `Statement ${statement.name} returned ${rows.length} rows instead of one.`,
    );
  }
  return row;
}

/** Waits for a database that wakes up, which is no failure of the statement. */
async function executeAwake<Params extends Record<string, Value>, Row extends object>(
  statement: Statement<Params, Row>,
  params: Params,
): Promise<Row[]> {
  for (;;) {
    try {
      return await execute(statement, params);
    } catch (error) {
      if (!(error instanceof DatabaseResuming) || !(await waited(wakingPauseMs))) throw error;
    }
  }
}

async function execute<Params extends Record<string, Value>, Row extends object>(
  { name, text }: Statement<Params, Row>,
  params: Params,
): Promise<Row[]> {
  client ??= new RDSDataClient({});
  target ??= readTarget();
  const command = new ExecuteStatementCommand({
    ...target,
    sql: text,
    parameters: toParameters(withActor({ name, text }, params)),
    includeResultMetadata: true,
  });
  try {
    const { records = [], columnMetadata = [] } = await client.send(command);
    // The generated types describe this very statement; a test keeps them from drifting.
    return toRows(records as Field[][], columnMetadata) as Row[];
  } catch (error) {
    if (!(error instanceof Error)) throw error;
    throw error.name === 'DatabaseResumingException'
      ? new DatabaseResuming()
      : new StatementError(name, error);
  }
}

function readTarget() {
  const environment = settings({
    DATABASE_CLUSTER_ARN: z.string().min(1),
    DATABASE_SECRET_ARN: z.string().min(1),
    DATABASE_NAME: z.string().min(1),
  });
  return {
    resourceArn: environment.DATABASE_CLUSTER_ARN,
    secretArn: environment.DATABASE_SECRET_ARN,
    database: environment.DATABASE_NAME,
  };
}

/** What says that the database is not there just now, and nothing of the statement. */
const notNow = new Set([
  'ThrottlingException',
  'ServiceUnavailableError',
  'DatabaseUnavailableException',
  'InvalidResourceStateException',
]);
/**
 * No connection, no resources, shutting down, or cancelled: at the role's statement_timeout, too.
 */
const isNotNow = (name: string, sqlstate = '') => notNow.has(name) || /^(08|53|57)/.test(sqlstate);

/** Reads `ERROR: …; SQLState: 23505`. */
function understand(error: Error): { sqlstate?: string; constraint?: string; shown: string } {
  const [, sqlstate] = /SQLState: (\w{5})$/.exec(error.message) ?? [];
  if (sqlstate === undefined) return { shown: error.name };
  // Class 42 is about the statement's own words, which are safe to show.
  if (sqlstate.startsWith('42')) return { sqlstate, shown: error.message };
  const [, constraint] = /^ERROR: [^;]* constraint "(\w+)"/.exec(error.message) ?? [];
  if (!sqlstate.startsWith('23') || constraint === undefined) return { sqlstate, shown: sqlstate };
  return { sqlstate, constraint, shown: `${sqlstate} ${constraint}` };
}

/** Full jitter: those who were in each other's way come back at different times. */
async function pause(tries: number): Promise<void> {
  const most = Math.min(longestPauseMs, firstPauseMs * 2 ** tries);
  await new Promise((resolve) => setTimeout(resolve, Math.random() * most));
}
