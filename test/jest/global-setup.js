/**
 * Before all tests: doors at which a test may ask for PostgreSQL or for the assembly. Each begins
 * with the first who asks, so unit tests do not pay.
 */
import { once } from 'node:events';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { tsImport } from 'tsx/esm/api';

/**
 * @param {string} variable the environment variable that tells tests the door's port
 * @param {() => Promise<{ description: unknown, stop(): Promise<void> }>} start
 * @returns {Promise<() => Promise<void>>} closes the door and stops what was started
 */
async function openDoor(variable, start) {
  let running;
  const door = createServer(async (socket) => {
    socket.on('error', () => undefined);
    running ??= start();
    const answer = await running.then(
      ({ description }) => description,
      (error) => ({ error: String(error?.stack ?? error) }),
    );
    socket.end(JSON.stringify(answer));
  });
  door.listen(0, '127.0.0.1').unref();
  await once(door, 'listening');
  process.env[variable] = String(door.address().port);
  return async () => {
    door.close();
    await running?.then(
      ({ stop }) => stop(),
      () => undefined,
    );
  };
}

async function postgres() {
  const { startTestPostgres } = await tsImport('./test-postgres.ts', import.meta.url);
  return startTestPostgres();
}

async function assembly() {
  const { freshAssembly } = await tsImport('../../lib/fresh-assembly.ts', import.meta.url);
  const description = await freshAssembly(join(import.meta.dirname, '..', '..', '.local', 'tests'));
  return { description, stop: async () => {} };
}

export default async function globalSetup() {
  const closing = [
    await openDoor('RESTORECLICK_TEST_POSTGRES', postgres),
    await openDoor('RESTORECLICK_TEST_ASSEMBLY', assembly),
  ];
  globalThis.closeTestDoors = () => Promise.all(closing.map((close) => close()));
}
