/**
 * The role that the steps use: its password from its secret, its settings as the design wants them.
 */
import { createHash, createHmac, pbkdf2Sync, randomBytes } from 'node:crypto';
import type { Execute } from './database-port.ts';

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

/** The settings as the role sees them; run as the role itself. */
export const roleSettings = `select ${Object.keys(wanted)
  .map((name) => `current_setting('${name}') as ${name}`)
  .join(', ')}`;

/**
 * Gives the role its password and settings, if it has not got them: it is asked by logging in as
 * it, since nobody but a superuser can read a password.
 * @param settings what `roleSettings` says when run as the role; undefined when it could not log in
 * @returns whether anything was changed
 */
export async function ensureAppRole(
  execute: Execute,
  { username, password }: AppLogin,
  settings: Record<string, unknown> | undefined,
): Promise<boolean> {
  if (!/^[a-z_][a-z0-9_]*$/.test(username)) throw new Error(`${username} cannot be the name of a role.`);
  const names = Object.entries(wanted);
  if (settings && names.every(([name, value]) => settings[name] === value)) return false;
  if (!settings) {
    const [role] = await execute('select rolname from pg_roles where rolname = :username', { username });
    const verb = role ? 'alter' : 'create';
    await execute(`${verb} role ${username} login password '${scramVerifier(password)}'`);
  }
  for (const [name, value] of names) await execute(`alter role ${username} set ${name} = '${value}'`);
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
