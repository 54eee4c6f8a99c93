/** A system stopped in the middle of an order and started again in the same folder. */
import { once } from 'node:events';
import { type AddressInfo, createServer } from 'node:net';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import * as customer from '../../demo/customer.ts';
import { breakReplicate, givenUp, mailsTo, predictions, rows } from './backstage.ts';
import { ended, openSystem, payer, photo, placeOrder, type TestSystem } from './system.ts';

/**
 * Free now; presigned addresses and queue URLs hold them, so they must be the same after the
 * restart.
 */
async function freePorts(count: number): Promise<number[]> {
  const servers = Array.from({ length: count }, () => createServer().listen(0, '127.0.0.1'));
  await Promise.all(servers.map((server) => once(server, 'listening')));
  const ports = servers.map((server) => (server.address() as AddressInfo).port);
  for (const server of servers) server.close();
  return ports;
}

let system: TestSystem;
beforeAll(async () => {
  const [aws = 0, api = 0, stripe = 0, replicate = 0, mailbox = 0, home = 0] = await freePorts(6);
  system = await openSystem({ ports: { aws, api, stripe, replicate, mailbox, home } });
});
afterAll(() => system?.close());

test('an order whose photos were being restored when the system stopped ends after the next start, nothing paid twice', async () => {
  const by = payer('restart');
  await breakReplicate(system, { fault: 'hang', calls: 2 });
  const order = await placeOrder(system, [await photo('One.jpg', 1), await photo('Two.jpg', 2)], by);
  await system.until(
    () => predictions(system, order.orderId),
    (found) => found.length === 2,
  );

  system = await system.restart();
  // Predictions hang until their deadline, over the restart too: then another attempt follows.
  await system.until(
    () =>
      rows(system, `select job.id from restoreclick.restoration_jobs as job where job.status = 'processing'`),
    (found) => found.length === 2,
  );
  system.clock.advance(900_000);
  expect((await ended(system, order)).status).toBe('completed');
  await customer.readMails(system.at, by.email, order.orderNumber, 2);
  expect(await mailsTo(system.at, by.email)).toHaveLength(2);
  expect(await predictions(system, order.orderId)).toHaveLength(4);
  expect(givenUp(system)).toEqual({});
});
