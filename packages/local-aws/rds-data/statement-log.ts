/** Which statements were run, by whom, and how each ended. */
import { AwsError } from '../gateway/index.ts';
import { sqlstateOf } from './database-error.ts';

/** One statement that somebody ran. Values of parameters are not kept. */
export type StatementRun = { caller: string; sql: string; ms: number; sqlstate?: string };

export type StatementLog = {
  /** Those since the start or since `forgetStatements`, oldest first; the last 10,000. */
  statements(): readonly StatementRun[];
  forgetStatements(): void;
  /** Runs `work`, and keeps how it ended. */
  during<T>(caller: string, sql: string, work: () => Promise<T>): Promise<T>;
};

const mostKept = 10_000;

export function createStatementLog(): StatementLog {
  const runs: StatementRun[] = [];
  function add(run: StatementRun) {
    runs.push(run);
    if (runs.length > mostKept) runs.shift();
  }
  return {
    statements: () => runs,
    forgetStatements() {
      runs.length = 0;
    },
    async during(caller, sql, work) {
      const started = performance.now();
      try {
        const result = await work();
        add({ caller, sql, ms: performance.now() - started });
        return result;
      } catch (error) {
        const sqlstate = sqlstateOf(error) ?? (error instanceof AwsError ? error.code : 'unknown');
        add({ caller, sql, ms: performance.now() - started, sqlstate });
        throw error;
      }
    },
  };
}
