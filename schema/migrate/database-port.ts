/**
 * What the migration step needs of a database: statements, transactions, and long ones. The Data
 * API, or a plain connection.
 */

export type Parameters = Record<string, string | number>;
export type Row = Record<string, unknown>;

/** Runs one statement with `:name` parameters; columns keep their names. */
export type Execute = (sql: string, parameters?: Parameters) => Promise<Row[]>;

export type MigrationDatabase = {
  /** One statement that commits by itself. */
  execute: Execute;
  /** Commits if `work` resolves; else rolls back and throws what it threw. */
  transaction<T>(work: (execute: Execute) => Promise<T>): Promise<T>;
  /**
   * One statement outside of any transaction, however long it takes; resolves when it has ended.
   */
  executeLong(sql: string): Promise<void>;
};

/** The database's refusal of a statement. */
export class DatabaseRefusal extends Error {
  readonly sqlstate: string;

  constructor(sqlstate: string, message: string) {
    super(message);
    this.name = 'DatabaseRefusal';
    this.sqlstate = sqlstate;
  }
}

export const refusedWith = (error: unknown, ...sqlstates: string[]): boolean =>
  error instanceof DatabaseRefusal && sqlstates.includes(error.sqlstate);
