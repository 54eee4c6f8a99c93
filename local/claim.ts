/** Who uses a system's folder: one program at a time, and a killed one no longer. */
import { readFileSync } from 'node:fs';
import { link, mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { isRunning } from '@restoreclick/local-aws';
import { z } from 'zod';

const shape = z.object({
  pid: z.number(),
  /** When the process began, as the kernel counts, if that can be read: process ids are reused. */
  born: z.string().optional(),
  /** What runs it, to speak of it: `npm start`. */
  by: z.string(),
  /** Where it answers; absent while it is starting. */
  urls: z.record(z.string(), z.string()).optional(),
});
export type Claim = z.infer<typeof shape>;

const note = (folder: string) => join(folder, 'running.json');

function bornAt(pid: number): string | undefined {
  try {
    // The 22nd field; the second, the program's name, ends with the last parenthesis.
    return readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ').at(-1)?.split(' ')[19];
  } catch {
    return undefined;
  }
}

const isAlive = ({ pid, born }: Claim) => isRunning(pid) && (born === undefined || born === bornAt(pid));

async function read(folder: string): Promise<Claim | undefined> {
  const text = await readFile(note(folder), 'utf8').catch(() => 'null');
  try {
    return shape.safeParse(JSON.parse(text)).data;
  } catch {
    return undefined; // half written by a process that was killed
  }
}

/** The system that runs or starts in this folder; a killed one leaves its note, but no process. */
export async function runningSystem(folder: string): Promise<Claim | undefined> {
  const found = await read(folder);
  return found && isAlive(found) ? found : undefined;
}

/** Whether this program's note is now the one there: a link never replaces another. */
async function take(folder: string, own: Claim): Promise<boolean> {
  const draft = `${note(folder)}.${own.pid}`;
  await writeFile(draft, JSON.stringify(own));
  try {
    await link(draft, note(folder));
    return true;
  } catch {
    return false;
  } finally {
    await rm(draft, { force: true });
  }
}

export type ClaimedFolder = {
  /** Tells those who come later where the system answers. */
  announce(urls: Record<string, string>): Promise<void>;
  release(): Promise<void>;
};

/**
 * @param by what is run, as the developer knows it
 * @throws Error in a sentence, when another program uses the folder
 */
export async function claimFolder(folder: string, by: string): Promise<ClaimedFolder> {
  await mkdir(folder, { recursive: true });
  const born = bornAt(process.pid);
  const own: Claim = { pid: process.pid, by, ...(born === undefined ? {} : { born }) };
  while (!(await take(folder, own))) {
    const other = await runningSystem(folder);
    if (other) throw new Error(inUse(other));
    await rm(note(folder), { force: true });
  }
  return {
    async announce(urls) {
      await writeFile(note(folder), JSON.stringify({ ...own, urls }));
    },
    async release() {
      await rm(note(folder), { force: true });
    },
  };
}

/** That the folder is another's, and what to do. */
export const inUse = ({ pid, by, urls }: Claim): string =>
  `RestoreClick ${urls?.home ? `runs already at ${urls.home}` : 'is just being started'} (${by}, process ${pid}). End it first, with Ctrl-C where it was started.`;
