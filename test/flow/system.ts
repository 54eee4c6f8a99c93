/**
 * A whole system for one test file: its own database, folder and ports, a clock that runs fast, and
 * a customer.
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createClock } from '@restoreclick/local-aws';
import type { Pool } from 'pg';
import sharp from 'sharp';
import * as customer from '../../demo/customer.ts';
import { type System, type SystemOptions, startSystem } from '../../local/system.ts';
import { ask } from '../jest/ask.ts';
import { testDatabase } from '../schema/database.ts';

export type TestSystem = System & {
  at: customer.Addresses;
  /** As the superuser, to look at what was written. */
  pool: Pool;
  /** What functions printed and services complained about. */
  log: string[];
  /**
   * Looks now, after every change to a queue and after every line of the log, until the answer
   * satisfies; no sleeping.
   */
  until<T>(look: () => Promise<T>, satisfied: (value: T) => boolean): Promise<T>;
  /** Waits until no queue but the dead-letter queues holds anything. */
  quiet(): Promise<void>;
  /**
   * Stops as Ctrl-C would and starts on the same database, folder and ports; this system is then no
   * more.
   */
  restart(): Promise<TestSystem>;
  close(): Promise<void>;
};

/**
 * Ten times the wall's: a poll's wait of 2 s passes in 200 ms, and a task's limit of 60 s still
 * leaves 6 s to a busy machine.
 */
const speed = 10;

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
  const given = {
    assembly,
    folder,
    server: database.server,
    database: database.name,
    passwordOf: (username: string) => passwords.get(username) ?? '',
    restorationSeconds: 1,
    ...options,
  };
  return startOn(given, options.speed ?? speed, database.pool('superuser'), async () => {
    await database.server.dropDatabase(`${database.name}_services`);
    await database.drop();
    await rm(folder, { recursive: true, force: true });
  });
}

async function startOn(
  options: SystemOptions,
  speed: number,
  pool: Pool,
  remove: () => Promise<void>,
  start = Date.now(),
): Promise<TestSystem> {
  const log: string[] = [];
  const readers = new Set<() => void>();
  const system = await startSystem({
    ...options,
    clock: createClock({ speed, start }),
    log(source, line) {
      log.push(`[${source}] ${line}`);
      for (const read of readers) read();
    },
  });
  function onNews(look: () => void) {
    readers.add(look);
    const end = system.sqs.onChange(look);
    return () => {
      readers.delete(look);
      end();
    };
  }
  return {
    ...system,
    at: { api: system.urls.api, mailbox: system.urls.mailbox },
    pool,
    log,
    until: (look, satisfied) => untilSatisfied(onNews, look, satisfied),
    quiet: () => system.sqs.idle(),
    async restart() {
      await system.stop();
      return startOn(options, speed, pool, remove, system.clock.now());
    },
    async close() {
      await system.stop();
      await remove();
    },
  };
}

function untilSatisfied<T>(
  onNews: (look: () => void) => () => void,
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
    const end = onNews(() => void lookNow());
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

export type Payer = { email: string; name: string };

export const ada: Payer = { email: 'ada@example.com', name: 'Ada Example' };

/** A customer of one test, so that no other test's mails are theirs. */
export const payer = (name: string): Payer => ({ email: `${name}@example.com`, name: 'Ada Example' });

/** Uploads and waits until all has arrived or was refused. */
export async function uploadPhotos(
  { at }: TestSystem,
  photos: customer.Photo[],
  { email } = ada,
): Promise<string> {
  const sessionId = await customer.upload(at, photos, email, () => {});
  await customer.arrived(at, sessionId);
  return sessionId;
}

export type OpenCheckout = { checkoutId: string; url: string };

/** One POST of the checkout's form, whatever it answers. */
export const askForCheckout = ({ at }: TestSystem, sessionId: string): Promise<Response> =>
  fetch(`${at.api}/api/checkout`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ sessionId }),
  });

export async function openCheckout(system: TestSystem, sessionId: string): Promise<OpenCheckout> {
  const answer = await askForCheckout(system, sessionId);
  if (answer.status !== 201)
    throw new Error(`The checkout answered ${answer.status}: ${await answer.text()}`);
  return (await answer.json()) as OpenCheckout;
}

/**
 * Posts the payment page's form; answers its status. `later` is a bank debit, which the bank
 * settles when told.
 */
export async function payAt(
  { url }: Pick<OpenCheckout, 'url'>,
  { email, name } = ada,
  outcome: 'pay' | 'later' = 'pay',
): Promise<number> {
  const body = new URLSearchParams({ outcome, email, name });
  return (await fetch(`${url}/pay`, { method: 'POST', body, redirect: 'manual' })).status;
}

/** Uploads, pays and claims. */
export async function placeOrder(
  system: TestSystem,
  photos: customer.Photo[],
  by = ada,
  outcome: 'pay' | 'later' = 'pay',
): Promise<customer.Order> {
  const checkout = await openCheckout(system, await uploadPhotos(system, photos, by));
  await payAt(checkout, by, outcome);
  return customer.claim(system.at, checkout.checkoutId);
}

/** Watches until the order has ended. */
export const ended = (system: TestSystem, order: customer.Order) =>
  customer.watch(system.at, order, () => {});
