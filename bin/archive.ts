/**
 * npm run archive: the months of the audit's archive; exports and drops old ones. docs/operating.md
 * says how.
 */
import { join } from 'node:path';
import { RDSDataClient } from '@aws-sdk/client-rds-data';
import pg from 'pg';
import { operatorsDatabase } from '../local/operators-database.ts';
import { archivedMonths, carryOut, regionOf, wishOf } from '../schema/archive/audit-archive.ts';
import { dataApiDatabase } from '../schema/migrate/data-api.ts';
import type { Execute } from '../schema/migrate/database-port.ts';
import { plainDatabase } from '../schema/migrate/plain-database.ts';
import { command, readOptions } from './command-line.ts';

type Where = { url?: string | undefined; cluster?: string | undefined; secret?: string | undefined };

/**
 * By the Data API where a cluster is named, which is the only way in on AWS; else by a connection.
 */
async function withDatabase(
  { url, cluster, secret }: Where,
  work: (execute: Execute) => Promise<void>,
): Promise<void> {
  if (cluster !== undefined || secret !== undefined) {
    if (!cluster || !secret) throw new Error('A cluster in AWS needs both --cluster and --secret.');
    const target = { resourceArn: cluster, secretArn: secret, database: 'restoreclick' };
    return work(dataApiDatabase(target, new RDSDataClient({ region: regionOf(cluster) })).execute);
  }
  const { config, stop } = await operatorsDatabase(join(import.meta.dirname, '..', '.local'), url);
  const pool = new pg.Pool(config);
  // A connection that ends with its server is no failure of this program.
  pool.on('error', () => undefined);
  try {
    await work(plainDatabase(pool).execute);
  } finally {
    await pool.end();
    await stop();
  }
}

async function list(execute: Execute): Promise<void> {
  const months = await archivedMonths(execute);
  for (const { month, rows, bytes } of months)
    console.log(`${month}  ${rows} rows  ${(bytes / 1e6).toFixed(1)} MB`);
  if (months.length === 0) console.log('The archive is empty.');
}

const usage = 'docs/operating.md says which options npm run archive takes.';

await command(async () => {
  const text = { type: 'string' } as const;
  const flag = { type: 'boolean' } as const;
  const values = readOptions(
    {
      before: text,
      export: text,
      drop: flag,
      'without-export': flag,
      actor: text,
      url: text,
      cluster: text,
      secret: text,
    },
    usage,
  );
  const wish = wishOf(values);
  await withDatabase(values, (execute) => (wish ? carryOut(execute, wish, console.log) : list(execute)));
});
