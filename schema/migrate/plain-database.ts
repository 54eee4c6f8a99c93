/**
 * The migration step's database over a plain connection, with the Data API's `:name` parameters.
 */
import { bindParameters, type Parameter } from '@restoreclick/data-api';
import pg from 'pg';
import { DatabaseRefusal, type Execute, type MigrationDatabase, type Parameters } from './database-port.ts';

/** @param pool as the user who owns the schema. Two transactions need two connections. */
export function plainDatabase(pool: pg.Pool): MigrationDatabase {
  const execute = executeOn(pool);
  return {
    execute,
    async executeLong(sql) {
      await execute(sql);
    },
    async transaction(work) {
      const client = await pool.connect();
      try {
        await client.query('begin');
        const result = await work(executeOn(client));
        await client.query('commit');
        return result;
      } catch (error) {
        await client.query('rollback');
        throw error;
      } finally {
        client.release();
      }
    },
  };
}

function executeOn(connection: pg.Pool | pg.PoolClient): Execute {
  return async (sql, parameters = {}) => {
    try {
      return (await connection.query(bindParameters(sql, asFields(parameters)))).rows;
    } catch (error) {
      throw error instanceof pg.DatabaseError ? new DatabaseRefusal(error.code ?? '', error.message) : error;
    }
  };
}

function asFields(parameters: Parameters): Parameter[] {
  return Object.entries(parameters).map(([name, value]) => ({
    name,
    value: typeof value === 'number' ? { longValue: value } : { stringValue: value },
  }));
}
