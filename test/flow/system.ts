/** A whole system for one test file: its own database, folder and ports, a clock that runs fast, and a customer. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Pool } from 'pg';
import sharp from 'sharp';
import * as customer from '../../demo/customer.ts';
import { createClock } from '../../local/clock.ts';
import { type System, type SystemOptions, startSystem } from '../../local/system.ts';
import { ask } from '../jest/ask.ts';
import { testDatabase } from '../schema/database.ts';

export type TestSystem = System & {
  at: customer.Addresses;
  /** As the superuser, to look at what was written. */
  pool: Pool;
  /** What functions printed and services complained about. */
  log: string[];
  /** Looks now and after every change to a queue, until the answer satisfies; no sleeping. */
  until<T>(look: () => Promise<T>, satisfied: (value: T) => boolean): Promise<T>;
  /** Waits until no queue but the dead-letter queues holds anything. */
  quiet(): Promise<void>;
  close(): Promise<void>;
};

/** Twenty times the wall's: a poll's wait of 2 s passes in 100 ms, a backoff of 60 s in 3 s. */
const speed = 20;

/** @param options `speed: 1` for what must not run fast */
export async function openSystem(
  options: Partial<SystemOptions> & { speed?: number } = {},
): Promise<TestSystem> {
  const [{ assembly }, database, folder] = await Promise.all([
    ask<{ assembly: string }>('RESTORECLICK_TEST_ASSEMBLY'),
    testDatabase(),
    mkdtemp(join(tmpdir(), 'restoreclick-test-')),
  ]);
  const passwords = new Map(
    Object.values(database.logins).map(({ username, password }) => [username, password]),
  );
  const log: string[] = [];
  const system = await startSystem({
    assembly,
    folder,
    server: database.server,
    database: database.name,
    passwordOf: (username) => passwords.get(username) ?? '',
    clock: createClock({ speed: options.speed ?? speed }),
    restorationSeconds: 1,
    log: (source, line) => void log.push(`[${source}] ${line}`),
    ...options,
  });
  return {
    ...system,
    at: { api: system.urls.api, mailbox: system.urls.mailbox },
    pool: database.pool('superuser'),
    log,
    until: (look, satisfied) => untilSatisfied(system, look, satisfied),
    quiet: () => system.sqs.idle(),
    async close() {
      await system.stop();
      await database.server.dropDatabase(`${database.name}_services`);
      await database.drop();
      await rm(folder, { recursive: true, force: true });
    },
  };
}

function untilSatisfied<T>(
  system: System,
  look: () => Promise<T>,
  satisfied: (value: T) => boolean,
): Promise<T> {
  return new Promise((resolve, reject) => {
    let looking = false;
    let again = false;
    async function lookNow() {
      again = true;
      if (looking) return;
      looking = true;
      try {
        while (again) {
          again = false;
          const value = await look();
          if (!satisfied(value)) continue;
          end();
          return resolve(value);
        }
      } catch (error) {
        end();
        reject(error);
      } finally {
        looking = false;
      }
    }
    const end = system.sqs.onChange(() => void lookNow());
    void lookNow();
  });
}

/** A small real photo: colours that differ by `seed`, so that no two are the same bytes. */
export async function photo(name: string, seed = 1): Promise<customer.Photo> {
  const background = { r: (seed * 53) % 256, g: (seed * 101) % 256, b: (seed * 17) % 256 };
  const bytes = await sharp({ create: { width: 64, height: 48, channels: 3, background } })
    .jpeg()
    .toBuffer();
  return { name, type: 'image/jpeg', bytes };
}

export const ada = { email: 'ada@example.com', name: 'Ada Example' };

/** Uploads and waits until all has arrived or was refused. */
export async function uploadPhotos({ at }: TestSystem, photos: customer.Photo[]): Promise<string> {
  const sessionId = await customer.upload(at, photos, ada.email, () => {});
  await customer.arrived(at, sessionId);
  return sessionId;
}

/** Uploads, pays and claims. */
export async function placeOrder(system: TestSystem, photos: customer.Photo[]): Promise<customer.Order> {
  const sessionId = await uploadPhotos(system, photos);
  return customer.claim(system.at, await customer.pay(system.at, sessionId, ada));
}

/** Watches until the order has ended. */
export const ended = (system: TestSystem, order: customer.Order) =>
  customer.watch(system.at, order, () => {});
