/** Stripe's double: its API, payment page and signed events, and a page for the operator. */
import type { AddressInfo } from 'node:net';
import type { Clock, Store } from '@restoreclick/local-aws';
import { fastify } from 'fastify';
import { keepAgenda } from './agenda.ts';
import { serveApi } from './api.ts';
import { startCourier } from './courier.ts';
import { createFaults } from './faults.ts';
import { openIdempotency } from './idempotency.ts';
import { type Ids, openLedger, randomId } from './ledger.ts';
import { serveOperator } from './operator.ts';
import { servePaymentPage } from './payment-page.ts';

export type StripeOptions = {
  store: Store;
  clock: Clock;
  /**
   * On 127.0.0.1; 0 takes any free one. Payment pages keep the address that they were made with.
   */
  port: number;
  apiKey: string;
  webhookSecret: string;
  webhookUrl: string;
  /** The name on the payment page. */
  merchant?: string;
  /** How long a bank takes for a debit or its refund; three days by the clock if absent. */
  bankDebitMs?: number;
  ids?: Ids;
  log?: (line: string) => void;
};

export type StripeDouble = {
  /** Such as `http://127.0.0.1:4010`: the API's host, and the operator's page. */
  url: string;
  /** Resolves when nothing that has begun is still under way: no delivery, no change by time. */
  settled(): Promise<void>;
  /** Stops; what is pending goes on when a double is started on the same store again. */
  close(): Promise<void>;
};

const threeDays = 3 * 24 * 3_600_000;

export async function createStripe({
  store,
  clock,
  port,
  apiKey,
  webhookSecret,
  webhookUrl,
  merchant = 'RestoreClick',
  bankDebitMs = threeDays,
  ids = randomId,
  log = () => {},
}: StripeOptions): Promise<StripeDouble> {
  const ledger = await openLedger(store, clock, ids);
  const once = await openIdempotency(store, clock);
  const faults = createFaults();
  const work = trackWork(log);
  const courier = startCourier({ ledger, clock, webhookUrl, webhookSecret, log, track: work.track });
  const agenda = keepAgenda(ledger, clock, work.track);
  const bankSeconds = Math.round(bankDebitMs / 1000);

  const app = fastify({ genReqId: () => ids('req') });
  app.addContentTypeParser(
    'application/x-www-form-urlencoded',
    { parseAs: 'string' },
    (_request, body, done) => done(null, body),
  );
  let url = '';
  const pages = () => `${url}/c/pay`;
  app.register(async (v1) => serveApi(v1, { ledger, once, faults, apiKey, pages, bankSeconds }), {
    prefix: '/v1',
  });
  app.register(async (page) => servePaymentPage(page, { ledger, merchant, bankSeconds }), {
    prefix: '/c/pay',
  });
  app.register(async (desk) => serveOperator(desk, { ledger, courier, faults, webhookUrl, bankSeconds }));
  await app.listen({ host: '127.0.0.1', port });
  url = `http://127.0.0.1:${(app.server.address() as AddressInfo).port}`;

  return {
    url,
    settled: work.settled,
    async close() {
      agenda.stop();
      courier.stop();
      await app.close();
      await work.settled();
    },
  };
}

/** Knows what is under way, and logs what fails. */
function trackWork(log: (line: string) => void) {
  const underWay = new Set<Promise<void>>();
  return {
    track(work: Promise<void>) {
      const watched = work.catch((error) => log(`stripe: ${error}`)).finally(() => underWay.delete(watched));
      underWay.add(watched);
    },
    async settled() {
      while (underWay.size > 0) await Promise.all(underWay);
    },
  };
}
