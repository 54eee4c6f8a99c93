/** Which user PostgreSQL runs as (it refuses root), and what that user can reach. */
import { execFileSync, spawnSync } from 'node:child_process';
import { statSync } from 'node:fs';

/** Undefined means: whoever runs this program. */
export type SystemUser = { name: string; uid: number; gid: number } | undefined;

/** Present on every Linux and macOS, most fitting first: nothing is added to the machine. */
const candidates = ['postgres', 'nobody'];

/**
 * As root: the owner of existing data, else the first candidate; otherwise who runs this.
 * @param data the data folder, which may not exist yet
 */
export function systemUser(data: string): SystemUser {
  const owner = statSync(data, { throwIfNoEntry: false });
  const own = process.getuid?.();
  if (own !== 0) {
    if (owner && owner.uid !== own) {
      throw new Error(`${data} belongs to another user (id ${owner.uid}): start as that user, or remove it.`);
    }
    return undefined;
  }
  if (owner && owner.uid !== 0) return { name: `user ${owner.uid}`, uid: owner.uid, gid: owner.gid };
  for (const name of candidates) {
    const uid = idOf('-u', name);
    const gid = idOf('-g', name);
    if (uid !== undefined && gid !== undefined) return { name, uid, gid };
  }
  throw new Error(
    `PostgreSQL does not run as root, and this machine has no user ${candidates.join(' or ')}.`,
  );
}

function idOf(flag: '-u' | '-g', name: string): number | undefined {
  try {
    return Number(execFileSync('id', [flag, name], { stdio: ['ignore', 'pipe', 'ignore'] }));
  } catch {
    return undefined;
  }
}

/** What `spawn` needs to run something as that user, who may not enter the present folder. */
export function runAs(user: SystemUser): { cwd: string; uid?: number; gid?: number } {
  return user ? { cwd: '/', uid: user.uid, gid: user.gid } : { cwd: '/' };
}

/** Whether the user can enter that folder, or run that file; modes alone do not tell. */
export function canReach(path: string, user: SystemUser): boolean {
  return spawnSync('/bin/sh', ['-c', 'test -x "$0"', path], runAs(user)).status === 0;
}

/** Gives a folder and all in it to the user. */
export function giveTo(user: SystemUser, path: string): void {
  if (user) execFileSync('chown', ['-R', `${user.uid}:${user.gid}`, path]);
}
