/**
 * Runs a step's statement on a test database: sent and read as the product does, rewritten and
 * answered as the Data API does.
 */
import type { Field } from '@aws-sdk/client-rds-data';
import { bindParameters, parameter, toParameters, toRows, type Value } from '@restoreclick/data-api';
import { answerOf, type Catalog, createCatalog, runQuery } from '@restoreclick/local-aws';
import type { PoolClient } from 'pg';
import { z } from 'zod';
import { roleOf } from '../../schema/migrate/step-roles.ts';
import { type Statement, stepOf, withActor } from '../../schema/statements/statement.ts';
import type { TestDatabase } from './database.ts';

export type RunOptions = {
  /**
   * The connection to use, perhaps within a transaction of the test's; by default one of the step's
   * role.
   */
  client?: PoolClient;
  /** How far ahead of the wall the statement finds the present, in ms. */
  aheadMs?: number;
};

const catalogs = new WeakMap<TestDatabase, Catalog>();

function catalogOf(database: TestDatabase): Catalog {
  const catalog = catalogs.get(database) ?? createCatalog(database.pool('superuser'));
  catalogs.set(database, catalog);
  return catalog;
}

/** All rows. Nothing is tried again: a test sees PostgreSQL's own error, `code` and all. */
export async function runStatement<Params extends Record<string, Value>, Row extends object>(
  database: TestDatabase,
  statement: Statement<Params, Row>,
  params: Params,
  { client: given, aheadMs = 0 }: RunOptions = {},
): Promise<Row[]> {
  const parameters = z.array(parameter).parse(toParameters(withActor(statement, params)));
  const query = { ...bindParameters(statement.text, parameters), continueAfterTimeout: false };
  const client = given ?? (await database.pool(roleOf(stepOf(statement))).connect());
  try {
    const result = await runQuery(client, query, {
      clock: { ahead: () => aheadMs },
      clockSetting: 'restoreclick.clock_offset',
    });
    const answer = await answerOf(result, catalogOf(database), true);
    // Over the wire the answer is JSON, and the SDK gives it its own types.
    const records: Field[][] = JSON.parse(JSON.stringify(answer.records ?? []));
    return toRows(records, answer.columnMetadata ?? []) as Row[];
  } finally {
    if (!given) {
      await client.query('reset all');
      client.release();
    }
  }
}
