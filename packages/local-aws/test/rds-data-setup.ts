/**
 * A local Data API behind the real gateway, on a database of its own, with clients of several
 * callers.
 */

import { setImmediate } from 'node:timers/promises';
import { RDSDataClient } from '@aws-sdk/client-rds-data';
import { z } from 'zod';
import { createClock } from '../clock/index.ts';
import {
  AwsError,
  createCredentials,
  createGateway,
  createIam,
  jsonAnswer,
  operator,
  readJson,
} from '../gateway/index.ts';
import type { Login } from '../postgres/index.ts';
import { createRdsData } from '../rds-data/index.ts';
import type { PolicyStatement } from '../template/index.ts';
import { type TestDatabase, testDatabase } from './postgres-setup.ts';

const region = 'eu-central-1';
export const clusterArn = `arn:aws:rds:${region}:000000000000:cluster:main`;
export const adminSecretArn = `arn:aws:secretsmanager:${region}:000000000000:secret:admin`;
export const appSecretArn = `arn:aws:secretsmanager:${region}:000000000000:secret:app`;

export type Setup = {
  policies?: Record<string, PolicyStatement[]>;
  timeoutMs?: number;
  /** Dropped on `close`; an empty one by default. */
  database?: TestDatabase;
  /** As `createRdsData` takes it. */
  clockSetting?: string;
  /** Further secrets, by ARN. */
  logins?: Record<string, Login>;
};

export async function openRdsData(setup: Setup = {}) {
  const { policies = {}, timeoutMs, clockSetting, logins = {} } = setup;
  const database = setup.database ?? (await testDatabase());
  const clock = createClock();
  const credentials = createCredentials({ secret: 'test', callers: Object.keys(policies) });
  const iam = createIam({ policies: new Map(Object.entries(policies)), account: '000000000000' });
  const faults: string[] = [];
  const gateway = await createGateway({ credentials, iam, clock, log: (line) => faults.push(line) });
  const secrets: Record<string, Login> = {
    [adminSecretArn]: database.logins.admin,
    [appSecretArn]: database.logins.app,
    ...logins,
  };
  const rdsData = createRdsData({
    database: { clusterArn },
    server: database.server,
    async secretOf(arn) {
      const login = secrets[arn];
      if (!login) throw new AwsError('BadRequestException', `The secret ${arn} was not found.`);
      return login;
    },
    clock,
    ...(timeoutMs === undefined ? {} : { timeoutMs }),
    ...(clockSetting === undefined ? {} : { clockSetting }),
  });
  gateway.serve('rds-data', rdsData.service);
  gateway.serve('secretsmanager', async (call) => {
    const { SecretId } = z.object({ SecretId: z.string() }).parse(await readJson(call));
    call.authorize('secretsmanager:GetSecretValue', SecretId);
    return jsonAnswer({ SecretString: JSON.stringify(secrets[SecretId]) });
  });
  const clients = new Map<string, RDSDataClient>();
  return {
    rdsData,
    database,
    clock,
    url: gateway.url,
    /** What went wrong inside the service and was no refusal. */
    faults,
    /**
     * The same one each time: a new one would not know yet how far the local clock is ahead, and
     * repeat its first error.
     */
    client(caller = operator.caller): RDSDataClient {
      const client =
        clients.get(caller) ??
        new RDSDataClient({ region, endpoint: gateway.url, credentials: credentials.keyOf(caller) });
      clients.set(caller, client);
      return client;
    },
    /**
     * Ends the sessions of the database, and waits until all know it: the next call finds the roles
     * as they are now.
     */
    async forgetSessions() {
      await database
        .pool('superuser')
        .query(
          'select pg_terminate_backend(pid, 10000) from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid()',
        );
      await setImmediate();
    },
    async close() {
      for (const client of clients.values()) client.destroy();
      await rdsData.stop();
      await gateway.stop();
      clock.stop();
      await database.drop();
    },
  };
}
