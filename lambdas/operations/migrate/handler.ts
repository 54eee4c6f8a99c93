/** Brings the database up to date on every deploy: the migrations, then the role that the steps use. */
import { join } from 'node:path';
import { z } from 'zod';
import { log } from '../../platform/logging.ts';
import { secret } from '../../platform/secrets.ts';
import { settings } from '../../platform/settings.ts';
import { ensureAppRole, roleSettings } from './app-role.ts';
import { applyMigrations, type Report } from './apply.ts';
import { dataApiDatabase, type Target } from './data-api.ts';
import { refusedWith } from './database-port.ts';
import { readMigrations } from './migrations.ts';

const login = z.object({ username: z.string().min(1), password: z.string().min(1) });

/** Invoked once per deploy; harmless when invoked again, or twice at once. */
export async function handler(): Promise<Report & { roleChanged: boolean }> {
  const environment = settings({
    DATABASE_CLUSTER_ARN: z.string().min(1),
    DATABASE_SECRET_ARN: z.string().min(1),
    DATABASE_NAME: z.string().min(1),
    APP_SECRET_ARN: z.string().min(1),
    /** Of another folder than the one beside the bundle; for tests. */
    MIGRATIONS_FOLDER: z.string().default(join(import.meta.dirname, 'migrations')),
  });
  const target: Target = {
    resourceArn: environment.DATABASE_CLUSTER_ARN,
    secretArn: environment.DATABASE_SECRET_ARN,
    database: environment.DATABASE_NAME,
  };
  const report = await applyMigrations(
    dataApiDatabase(target),
    await readMigrations(environment.MIGRATIONS_FOLDER),
  );
  const roleChanged = await bringRole(target, environment.APP_SECRET_ARN);
  log.info('database up to date', {
    applied: report.applied.join(' '),
    alreadyApplied: report.alreadyApplied,
    unknown: report.unknown,
    roleChanged,
  });
  return { ...report, roleChanged };
}

async function bringRole(admin: Target, appSecretArn: string): Promise<boolean> {
  const asApp = dataApiDatabase({ ...admin, secretArn: appSecretArn });
  const [found] = await asApp.execute(roleSettings).catch((error: unknown) => {
    // Wrong password; no such role, or one that may not log in.
    if (refusedWith(error, '28P01', '28000')) return [];
    throw error;
  });
  return ensureAppRole(dataApiDatabase(admin).execute, await secret(appSecretArn, login), found);
}
