/** Before all tests: a door at which a test may ask for PostgreSQL. It starts for the first who asks, so unit tests do not pay for it. */
import { once } from 'node:events';
import { createServer } from 'node:net';
import { tsImport } from 'tsx/esm/api';

export default async function globalSetup() {
  let running;
  async function start() {
    const { startTestPostgres } = await tsImport('./test-postgres.ts', import.meta.url);
    return startTestPostgres();
  }
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
  process.env.RESTORECLICK_TEST_POSTGRES = String(door.address().port);
  globalThis.closeTestPostgres = async () => {
    door.close();
    await running?.then(
      ({ stop }) => stop(),
      () => undefined,
    );
  };
}
