/** Brings the database up to date on a deploy: the migrations, then the role that the steps use. */
import { join } from 'node:path';
import { z } from 'zod';
import { ensureAppRole } from '../../../schema/migrate/app-role.ts';
import { applyMigrations, type Report } from '../../../schema/migrate/apply.ts';
import { dataApiDatabase, type Target } from '../../../schema/migrate/data-api.ts';
import { readMigrations } from '../../../schema/migrate/migrations.ts';
import { log } from '../../platform/logging.ts';
import { secret } from '../../platform/secrets.ts';
import { settings } from '../../platform/settings.ts';

const loginShape = z.object({ username: z.string().min(1), password: z.string().min(1) });

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
  const login = await secret(appSecretArn, loginShape);
  return ensureAppRole(dataApiDatabase(admin), login, () =>
    asApp.execute('select current_user::text as name'),
  );
}
