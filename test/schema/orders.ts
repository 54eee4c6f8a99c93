/** Orders on a test database, and what is asked of it. */
import type { Value } from '@restoreclick/data-api';
import { ordersOn } from '../../schema/samples/orders.ts';
import type { Statement } from '../../schema/statements/statement.ts';
import type { TestDatabase } from './database.ts';
import { type RunOptions, runStatement } from './run-statement.ts';

export const hour = 3_600_000;
export const day = 24 * hour;

export type Shop = ReturnType<typeof shopOn>;

/**
 * Runs statements on that database and makes the orders that they need.
 * @param texts another release's statements by name, run instead of these; one that it lacks is
 *   refused
 */
export function shopOn(database: TestDatabase, texts?: ReadonlyMap<string, string>) {
  function run<Params extends Record<string, Value>, Row extends object>(
    statement: Statement<Params, Row>,
    params: Params,
    options?: RunOptions,
  ): Promise<Row[]> {
    const text = texts ? texts.get(statement.name) : statement.text;
    if (text === undefined) throw new Error(`The other release has no statement ${statement.name}.`);
    return runStatement(database, { name: statement.name, text }, params, options);
  }

  /** Rows as they lie in the tables. */
  async function rows(sql: string, values: unknown[] = []) {
    return (await database.pool('app').query(sql, values)).rows;
  }

  /**
   * What an action wrote, as the audit has it: `image status_changed`, sorted. Nothing written,
   * nothing listed.
   */
  async function written(action: () => Promise<unknown>): Promise<string[]> {
    const audited = async () =>
      (await database.pool('superuser').query('select * from restoreclick.audit_logs')).rows;
    const before = new Set((await audited()).map(({ id }) => id));
    await action();
    return (await audited())
      .filter(({ id }) => !before.has(id))
      .map(({ entity_type, action: what }) => `${entity_type} ${what}`)
      .sort();
  }

  async function numberOf(orderId: string): Promise<string> {
    const [row] = await rows('select order_number from orders where id = $1', [orderId]);
    return row.order_number;
  }

  return { run, rows, written, numberOf, ...ordersOn((statement, params) => run(statement, params)) };
}
