/** Brings the database up to date on a deploy: the migrations, then the roles of the steps. */
import { join } from 'node:path';
import { z } from 'zod';
import { applyMigrations, type Report } from '../../../schema/migrate/apply.ts';
import { dataApiDatabase, type Target } from '../../../schema/migrate/data-api.ts';
import { readMigrations } from '../../../schema/migrate/migrations.ts';
import { ensureStepRole, type StepRole, stepRoles } from '../../../schema/migrate/step-roles.ts';
import { log } from '../../platform/logging.ts';
import { secret } from '../../platform/secrets.ts';
import { settings } from '../../platform/settings.ts';

const loginShape = z.object({ username: z.string().min(1), password: z.string().min(1) });

/** Invoked once per deploy; harmless when invoked again, or twice at once. */
export async function handler(): Promise<Report & { rolesChanged: StepRole[] }> {
  const environment = settings({
    DATABASE_CLUSTER_ARN: z.string().min(1),
    DATABASE_SECRET_ARN: z.string().min(1),
    DATABASE_NAME: z.string().min(1),
    PUBLIC_READ_SECRET_ARN: z.string().min(1),
    PUBLIC_WRITE_SECRET_ARN: z.string().min(1),
    WORK_SECRET_ARN: z.string().min(1),
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
  const secretOf: Record<StepRole, string> = {
    restoreclick_public_read: environment.PUBLIC_READ_SECRET_ARN,
    restoreclick_public_write: environment.PUBLIC_WRITE_SECRET_ARN,
    restoreclick_work: environment.WORK_SECRET_ARN,
  };
  const rolesChanged: StepRole[] = [];
  for (const role of stepRoles) if (await bringRole(target, role, secretOf[role])) rolesChanged.push(role);
  log.info('database up to date', {
    applied: report.applied.join(' '),
    alreadyApplied: report.alreadyApplied,
    unknown: report.unknown,
    rolesChanged: rolesChanged.join(' '),
  });
  return { ...report, rolesChanged };
}

async function bringRole(admin: Target, role: StepRole, secretArn: string): Promise<boolean> {
  const asRole = dataApiDatabase({ ...admin, secretArn });
  const login = await secret(secretArn, loginShape);
  return ensureStepRole(dataApiDatabase(admin), role, login, () =>
    asRole.execute('select current_user::text as name'),
  );
}
