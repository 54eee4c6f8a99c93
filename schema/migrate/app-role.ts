/**
 * The role that the steps use: its password from its secret, its settings as the design wants them.
 */
import { createHash, createHmac, pbkdf2Sync, randomBytes } from 'node:crypto';
import type { MigrationDatabase } from './database-port.ts';

export type AppLogin = { username: string; password: string };

/**
 * What every session of the role starts with. A step finds few rows by an index and goes from each
 * to the next. The planner is not asked to weigh ways to read whole tables: that took it a seventh
 * of its time, and while a table is small it would choose one, which under SERIALIZABLE is in the
 * way of everybody who writes the table.
 */
const wanted = {
  default_transaction_isolation: 'serializable',
  search_path: 'restoreclick',
  enable_seqscan: 'off',
  enable_bitmapscan: 'off',
  enable_hashjoin: 'off',
  enable_mergejoin: 'off',
  enable_memoize: 'off',
};

/**
 * Gives the role what it lacks. Whether it is there, may log in and has its settings, the catalogue
 * says. Whether its password is right only a login can tell: whatever a failed one says, it is given
 * its password again, which changes nothing else, and must then succeed.
 * @param logIn as the role
 * @returns whether anything was changed
 */
export async function ensureAppRole(
  admin: Pick<MigrationDatabase, 'transaction' | 'execute'>,
  { username, password }: AppLogin,
  logIn: () => Promise<unknown>,
): Promise<boolean> {
  if (!/^[a-z_][a-z0-9_]*$/.test(username)) throw new Error(`${username} cannot be the name of a role.`);
  const giving = `role ${username} login password '${scramVerifier(password)}'`;
  const changed = await admin.transaction(async (execute) => {
    // Two runs that alter one role at once collide.
    await execute(`select pg_advisory_xact_lock(hashtext('${username}'))::text as locked`);
    const [role] = await execute(
      `select rolcanlogin as may_log_in, array_to_string(rolconfig, chr(10)) as settings
       from pg_roles where rolname = :username`,
      { username },
    );
    const settings = String(role?.settings ?? '').split('\n');
    const lacking = Object.entries(wanted).filter((pair) => !settings.includes(pair.join('=')));
    if (!role) await execute(`create ${giving}`);
    else if (!role.may_log_in) await execute(`alter role ${username} login`);
    for (const [name, value] of lacking) await execute(`alter role ${username} set ${name} = '${value}'`);
    return !role?.may_log_in || lacking.length > 0;
  });
  const mayEnter = await logIn().then(
    () => true,
    () => false,
  );
  if (mayEnter) return changed;
  await admin.execute(`alter ${giving}`);
  await logIn();
  return true;
}

/**
 * What PostgreSQL would store for that password (RFC 5803), so that the password itself is in no
 * statement and in no log.
 * @param password printable ASCII, which needs no preparation
 */
export function scramVerifier(password: string, salt = randomBytes(16), iterations = 4096): string {
  const salted = pbkdf2Sync(password, salt, iterations, 32, 'sha256');
  const key = (label: string) => createHmac('sha256', salted).update(label).digest();
  const stored = createHash('sha256').update(key('Client Key')).digest('base64');
  return `SCRAM-SHA-256$${iterations}:${salt.toString('base64')}$${stored}:${key('Server Key').toString('base64')}`;
}
