/** The migration step's database through the Data API. */
import { setTimeout as sleep } from 'node:timers/promises';
import {
  BeginTransactionCommand,
  CommitTransactionCommand,
  DatabaseErrorException,
  ExecuteStatementCommand,
  type Field,
  RDSDataClient,
  RollbackTransactionCommand,
  StatementTimeoutException,
} from '@aws-sdk/client-rds-data';
import { DatabaseRefusal, type MigrationDatabase, type Parameters, type Row } from './database-port.ts';

export type Target = { resourceArn: string; secretArn: string; database: string };

/** A new cluster takes minutes until its HTTP endpoint answers, a paused one 15 s. */
const mostTries = 60;
/**
 * What a cluster says while it is made, changed or woken: it passes. AWS writes them with
 * `Exception` and without.
 */
const passing =
  /^(DatabaseResuming|DatabaseUnavailable|DatabaseNotFound|HttpEndpointNotEnabled|InvalidResourceState)(Exception)?$/;
const lookAgainMs = 1_000;

/**
 * @param client for tests; by default the environment's
 * @param pauseMs between two looks whether the cluster answers
 */
export function dataApiDatabase(
  target: Target,
  client: Pick<RDSDataClient, 'send'> = new RDSDataClient({}),
  pauseMs = 5_000,
): MigrationDatabase {
  const { resourceArn, secretArn } = target;
  const patiently = <T>(call: () => Promise<T>) => untilItAnswers(call, pauseMs);

  async function execute(sql: string, parameters: Parameters = {}, transactionId?: string): Promise<Row[]> {
    const command = new ExecuteStatementCommand({
      ...target,
      sql,
      parameters: Object.entries(parameters).map(([name, value]) => ({
        name,
        value: typeof value === 'number' ? { longValue: value } : { stringValue: value },
      })),
      includeResultMetadata: true,
      ...(transactionId === undefined ? {} : { transactionId }),
    });
    const { records = [], columnMetadata = [] } = await patiently(() => client.send(command));
    return records.map((record) =>
      Object.fromEntries(columnMetadata.map(({ name = '' }, at) => [name, plain(record[at])])),
    );
  }
  async function stillRuns(mark: string): Promise<boolean> {
    const rows = await execute(
      `select pid from pg_stat_activity where state = 'active' and pid <> pg_backend_pid() and starts_with(query, :mark)`,
      { mark },
    );
    return rows.length > 0;
  }
  return {
    execute,
    async transaction(work) {
      const begin = new BeginTransactionCommand(target);
      const { transactionId = '' } = await patiently(() => client.send(begin));
      const end = { resourceArn, secretArn, transactionId };
      try {
        const result = await work((sql, parameters) => execute(sql, parameters, transactionId));
        await patiently(() => client.send(new CommitTransactionCommand(end)));
        return result;
      } catch (error) {
        // It may be gone already: then there is nothing to roll back.
        await client.send(new RollbackTransactionCommand(end)).catch(() => undefined);
        throw error;
      }
    },
    async executeLong(sql) {
      // After 45 s the Data API gives up waiting but lets the statement go on; its mark finds it
      // again.
      const mark = `/* migrate ${crypto.randomUUID()} */`;
      const command = new ExecuteStatementCommand({
        ...target,
        sql: `${mark} ${sql}`,
        continueAfterTimeout: true,
      });
      try {
        await patiently(() => client.send(command));
      } catch (error) {
        while (await stillRuns(mark)) await sleep(lookAgainMs);
        if (!(error instanceof StatementTimeoutException)) throw error;
      }
    },
  };
}

/** Waits for a cluster that does not answer yet; words the database's refusals for the port. */
async function untilItAnswers<T>(call: () => Promise<T>, pauseMs: number): Promise<T> {
  for (let tries = 1; ; tries += 1) {
    try {
      return await call();
    } catch (error) {
      if (error instanceof Error && passing.test(error.name) && tries < mostTries) await sleep(pauseMs);
      else throw error instanceof DatabaseErrorException ? refusal(error) : error;
    }
  }
}

function refusal({ message }: Error): DatabaseRefusal {
  return new DatabaseRefusal(/SQLState: (\w{5})$/.exec(message)?.[1] ?? '', message);
}

function plain(field: Field | undefined): unknown {
  if (!field || field.isNull) return null;
  return field.stringValue ?? field.longValue ?? field.doubleValue ?? field.booleanValue;
}
