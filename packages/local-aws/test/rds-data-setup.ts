/** A local Data API behind the real gateway, on a database of its own, with clients of several callers. */
import { RDSDataClient } from '@aws-sdk/client-rds-data';
import { z } from 'zod';
import { testDatabase } from '../../../test/schema/database.ts';
import { createClock } from '../clock.ts';
import { createGateway } from '../gateway/gateway.ts';
import { createIam } from '../gateway/iam.ts';
import { AwsError, jsonAnswer, readJson } from '../gateway/service.ts';
import { createCredentials, operator } from '../gateway/signature.ts';
import type { Login } from '../postgres/server.ts';
import { createRdsData } from '../rds-data/rds-data.ts';
import type { PolicyStatement } from '../template/model.ts';

const region = 'eu-central-1';
export const clusterArn = `arn:aws:rds:${region}:000000000000:cluster:restoreclick`;
export const adminSecretArn = `arn:aws:secretsmanager:${region}:000000000000:secret:admin`;
export const appSecretArn = `arn:aws:secretsmanager:${region}:000000000000:secret:app`;

export type Setup = {
  policies?: Record<string, PolicyStatement[]>;
  timeoutMs?: number;
  empty?: boolean;
  /** Further secrets, by ARN. */
  logins?: Record<string, Login>;
};

export async function openRdsData({ policies = {}, timeoutMs, empty = false, logins = {} }: Setup = {}) {
  const database = await testDatabase({ empty });
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
    /** The same one each time: a new one would not know yet how far the local clock is ahead, and repeat its first error. */
    client(caller = operator.caller): RDSDataClient {
      const client =
        clients.get(caller) ??
        new RDSDataClient({ region, endpoint: gateway.url, credentials: credentials.keyOf(caller) });
      clients.set(caller, client);
      return client;
    },
    /** Ends the sessions of the database, so that the next call finds the roles as they are now. */
    async forgetSessions() {
      await database
        .pool('superuser')
        .query(
          'select pg_terminate_backend(pid) from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid()',
        );
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
