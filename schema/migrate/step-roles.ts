/**
 * The roles that the steps log in as: which step is whose, each role's settings and password.
 * Whoever takes over a step that anybody may call gets what its role may do, and no more.
 */
import { createHash, createHmac, pbkdf2Sync, randomBytes } from 'node:crypto';
import type { MigrationDatabase } from './database-port.ts';

/**
 * The one place that says so. 0006_rights.sql holds the roles to it by what each may do, and
 * `may_act` in 0004_audit.sql as whom; a test compares the two.
 */
export const stepsOf = {
  /** Answers anybody, and writes nothing. */
  restoreclick_public_read: [
    'upload/get-session',
    'upload/renew-session',
    'order/claim-order',
    'order/get-order',
  ],
  /** Writes what anybody may ask for: uploads, checkouts, links, mails to the family. */
  restoreclick_public_write: [
    'upload/create-session',
    'payment/create-checkout',
    'order/share-order',
    'download/create-link',
    'download/open-link',
    'email/unsubscribe',
  ],
  /** What a queue, an execution, a schedule or a verified webhook asks for. */
  restoreclick_work: [
    'upload/record-upload',
    'upload/expire-uploads',
    'payment/place-order',
    'payment/keep-original',
    'payment/settle-payment',
    'restoration/submit-job',
    'restoration/store-restored',
    'restoration/fail-attempt',
    'restoration/complete-order',
    'email/send-email',
    'email/receive-sendgrid-events',
    'download/build-archive',
    'operations/reconcile',
  ],
} as const;

export type StepRole = keyof typeof stepsOf;
export const stepRoles = Object.keys(stepsOf) as StepRole[];

/** Undefined for a step that has no business with the database. */
export const roleOf = (step: string): StepRole | undefined =>
  stepRoles.find((role) => stepsOf[role].some((name) => name === step));

export type RoleLogin = { username: string; password: string };

/** A page's caller is gone after 29 s; the Data API itself cancels after 45 s. */
const statementTimeouts: Record<StepRole, string> = {
  restoreclick_public_read: '10s',
  restoreclick_public_write: '10s',
  restoreclick_work: '40s',
};

/**
 * What every session of the roles starts with. A step finds few rows by an index and goes from each
 * to the next. The planner is not asked to weigh ways to read whole tables: that took it a seventh
 * of its time, and while a table is small it would choose one, which under SERIALIZABLE is in the
 * way of everybody who writes the table.
 */
const shared = {
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
 * says. Whether its password is right only a login can tell: whatever a failed one says, it is
 * given its password again, which changes nothing else, and must then succeed.
 * @param role which of them; only in tests, which share a server, its login has another name
 * @param logIn as the role
 * @returns whether anything was changed
 */
export async function ensureStepRole(
  admin: Pick<MigrationDatabase, 'transaction' | 'execute'>,
  role: StepRole,
  { username, password }: RoleLogin,
  logIn: () => Promise<unknown>,
): Promise<boolean> {
  if (!/^[a-z_][a-z0-9_]*$/.test(username)) throw new Error(`${username} cannot be the name of a role.`);
  const giving = `role ${username} login password '${scramVerifier(password)}'`;
  const changed = await admin.transaction(async (execute) => {
    // Two runs that alter one role at once collide.
    await execute(`select pg_advisory_xact_lock(hashtext('${username}'))::text as locked`);
    const [known] = await execute(
      `select rolcanlogin as may_log_in, array_to_string(rolconfig, chr(10)) as settings
       from pg_roles where rolname = :username`,
      { username },
    );
    const settings = String(known?.settings ?? '').split('\n');
    const wanted = { ...shared, statement_timeout: statementTimeouts[role] };
    const lacking = Object.entries(wanted).filter((pair) => !settings.includes(pair.join('=')));
    if (!known) await execute(`create ${giving}`);
    else if (!known.may_log_in) await execute(`alter role ${username} login`);
    for (const [name, value] of lacking) await execute(`alter role ${username} set ${name} = '${value}'`);
    return !known?.may_log_in || lacking.length > 0;
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
