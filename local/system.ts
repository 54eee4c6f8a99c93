/** The whole system on one machine: the synthesized stack and all that it calls, wired together. */
import { join } from 'node:path';
import * as aws from '@restoreclick/local-aws';
import {
  account,
  type Clock,
  type Lambda,
  type Login,
  type PgServer,
  region,
  type Sqs,
  type StackModel,
} from '@restoreclick/local-aws';
import { createHome } from './home.ts';
import { passwordsOf, readLogin, secretValues, systemSecrets } from './keys.ts';
import { anyPorts, type Ports } from './ports.ts';
import { type Providers, realHosts, startProviders } from './providers.ts';

export type SystemOptions = {
  /** The cloud assembly to run. */
  assembly: string;
  /** Absolute path; objects and pictures lie there. */
  folder: string;
  server: PgServer;
  /** The product's; the services keep theirs in `{name}_services`. Many can share a server. */
  database: string;
  /** Passwords of the database's roles, if they exist already; otherwise the roles are made. */
  passwordOf?: (username: string) => string;
  ports?: Ports;
  clock?: Clock;
  /** In [0, 1), for the jitter of retries. */
  random?: () => number;
  /** How long Replicate's double takes for a photo at least, by the clock. */
  restorationSeconds?: number;
  /** Takes what functions print and services complain about, line by line. */
  log?: (source: string, line: string) => void;
  /** Keys of real providers, which then take their doubles' places; none by default. */
  environment?: Record<string, string | undefined>;
  /** A debugger may attach to this function: part of its name, and the port. */
  inspect?: { name: string; port: number };
};

export type System = Awaited<ReturnType<typeof startSystem>>;

/** Runs what a deployment runs; a failure fails the start, as it would fail the deploy. */
async function deploy(model: StackModel, lambda: Lambda): Promise<void> {
  for (const id of model.onDeploy) {
    const result = await lambda.invoke(id, {});
    if ('functionError' in result)
      throw new Error(`The deployment step ${id} failed: ${result.functionError.errorMessage}`);
  }
}

/** What the services of one system share. */
async function openShared(options: SystemOptions) {
  const { server, database, clock = aws.createClock(), log = () => {} } = options;
  await server.createDatabase(`${database}_services`);
  const store = aws.createStore(await aws.postgresBacking(server.pool(`${database}_services`)));
  const secrets = await systemSecrets(store);
  return { store, secrets, clock, log, warn: (line: string) => log('aws', line) };
}

type Shared = Awaited<ReturnType<typeof openShared>>;

/** The two servers that listen before the stack can be read, since it names their addresses. */
async function openServers({ assembly, ports = anyPorts }: SystemOptions, shared: Shared) {
  const { secrets, clock, log, warn } = shared;
  const draft = aws.readStack(assembly, { queueUrl: (name) => name, apiUrl: '' });
  const callers = [...draft.functions, ...draft.stateMachines];
  const policies = new Map(callers.map(({ logicalId, policy }) => [logicalId, policy]));
  const iam = aws.createIam({ policies, account });
  const credentials = aws.createCredentials({ secret: secrets.signing, callers: [...policies.keys()] });
  const gateway = await aws.createGateway({ credentials, iam, clock, port: ports.aws, log: warn });
  const functions: { invoke?: Lambda['invoke'] } = {};
  const api = await aws.createApiGateway({
    api: draft.api,
    account,
    clock,
    port: ports.api,
    log: (line) => log('api', line),
    invoke: (id, event) => {
      if (!functions.invoke) throw new Error('The system is still starting.');
      return functions.invoke(id, event);
    },
  });
  const queueUrl = (name: string) => `${gateway.url}/${account}/${name}`;
  const model = aws.readStack(assembly, { queueUrl, apiUrl: api.url });
  return { iam, credentials, gateway, api, model, functions };
}

type Servers = Awaited<ReturnType<typeof openServers>>;

const environmentOf = (options: SystemOptions, providers: Providers, siteUrl: string) => ({
  ...providers.environment,
  SITE_URL: siteUrl,
  DATABASE_NAME: options.database,
  // Lambda's Node is newer than the one this machine may have.
  AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED: 'true',
});

/** @param values what the template's secrets hold, by logical id */
async function openStorage(
  { server, folder }: SystemOptions,
  { store, clock }: Shared,
  { model, iam, credentials }: Servers,
  values: Record<string, string>,
) {
  const sqs = await aws.createSqs({ queues: model.queues, store, clock });
  const s3 = await aws.createS3({
    buckets: model.buckets,
    folder: join(folder, 's3'),
    store,
    clock,
    notify: sqs.send,
    credentials,
    authorizeAs: iam.authorize,
    region,
  });
  const secretsManager = await aws.createSecretsManager({ secrets: model.secrets, store, values });
  const rdsData = aws.createRdsData({
    database: model.database,
    server,
    secretOf: async (arn) => readLogin(model, secretsManager, arn),
    clock,
    clockSetting: 'restoreclick.clock_offset',
  });
  return { sqs, s3, secretsManager, rdsData };
}

/** The cluster's administrator and database, which in AWS come with the cluster. */
async function openDatabase({ server, database, passwordOf }: SystemOptions, admin: Login): Promise<void> {
  if (!passwordOf) await server.createAdministrator(admin);
  await server.createDatabase(database, { owner: admin.username });
}

type Storage = Awaited<ReturnType<typeof openStorage>>;

async function openFunctions(
  { inspect }: SystemOptions,
  { clock, log }: Shared,
  { model, credentials, gateway }: Servers,
  environment: Record<string, string>,
  hosts: Record<string, string>,
) {
  const faults = aws.createFaults({ hosts: { ...realHosts, ...hosts } });
  const lambda = await aws.createLambda({
    functions: model.functions,
    region,
    credentials,
    endpoint: gateway.url,
    environment,
    faults,
    clock,
    log,
    ...(inspect ? { inspect } : {}),
  });
  return { faults, lambda };
}

async function openOrchestration(
  { random = Math.random }: SystemOptions,
  { store, clock, warn }: Shared,
  { model, iam }: Servers,
  sqs: Sqs,
  lambda: Lambda,
) {
  const { rules, stateMachines, queues } = model;
  async function deliver(targetArn: string, payload: unknown) {
    if (queues.some(({ arn }) => arn === targetArn)) await sqs.send(targetArn, JSON.stringify(payload));
    else await lambda.invokeLater(targetArn, payload);
  }
  const eventBridge = await aws.createEventBridge({ rules, clock, store, deliver, log: warn, random });
  const stepFunctions = await aws.createStepFunctions({
    stateMachines,
    store,
    clock,
    random,
    emit: eventBridge.emit,
    log: warn,
    authorizeAs: iam.authorize,
    invokeLambda: lambda.invoke,
    async sendMessage(queueUrl, body, _caller, sending) {
      const queue = queues.find(({ url }) => url === queueUrl);
      if (!queue) throw new Error(`There is no queue ${queueUrl}.`);
      await sqs.send(queue.arn, body, sending);
      return {};
    },
  });
  return { eventBridge, stepFunctions };
}

type Compute = Awaited<ReturnType<typeof openFunctions>> & Awaited<ReturnType<typeof openOrchestration>>;

function serveAll({ gateway }: Servers, storage: Storage, compute: Compute): void {
  gateway.serve('s3', storage.s3.service);
  gateway.serve('sqs', storage.sqs.service);
  gateway.serve('secretsmanager', storage.secretsManager.service);
  gateway.serve('rds-data', storage.rdsData.service);
  gateway.serve('lambda', compute.lambda.service);
  gateway.serve('events', compute.eventBridge.service);
  gateway.serve('states', compute.stepFunctions.service);
}

/** Goes on with what an earlier run left under way, and takes requests and messages. */
async function begin({ model, iam, functions }: Servers, { sqs }: Storage, compute: Compute, shared: Shared) {
  const { clock, warn: log } = shared;
  const { invoke } = compute.lambda;
  functions.invoke = invoke;
  await compute.eventBridge.resume();
  await compute.stepFunctions.resume();
  return model.eventSources.map((source) =>
    aws.createEventSource({ model: source, source: sqs, invoke, iam, clock, region, log }),
  );
}

/**
 * Starts everything, migrates the database, and goes on with what an earlier run left under way.
 * @throws Error in a sentence when a port is taken or the deployment step fails
 */
export async function startSystem(options: SystemOptions) {
  const shared = await openShared(options);
  const servers = await openServers(options, shared);
  const { model, api, gateway } = servers;
  const providers = await startProviders(options, shared, api.url);
  const home = await createHome({ port: (options.ports ?? anyPorts).home });
  const { server, passwordOf = passwordsOf(server) } = options;
  const storage = await openStorage(options, shared, servers, secretValues(model, passwordOf, providers));
  await openDatabase(options, readLogin(model, storage.secretsManager, model.database.adminSecretArn));
  const environment = environmentOf(options, providers, home.url);
  const functions = await openFunctions(options, shared, servers, environment, providers.hosts);
  const orchestration = await openOrchestration(options, shared, servers, storage.sqs, functions.lambda);
  const compute = { ...functions, ...orchestration };
  serveAll(servers, storage, compute);
  await deploy(model, compute.lambda);
  const eventSources = await begin(servers, storage, compute, shared);
  const urls = { ...providers.urls, api: api.url, aws: gateway.url };
  home.show(urls);
  return {
    urls: { ...urls, home: home.url },
    model,
    clock: shared.clock,
    ...compute,
    ...storage,
    async stop() {
      storage.sqs.close();
      await Promise.all(eventSources.map((source) => source.stop()));
      compute.eventBridge.stop();
      await compute.stepFunctions.stop();
      await providers.stop();
      await Promise.all([api.stop(), home.stop()]);
      await compute.lambda.stop();
      await storage.s3.stop();
      await storage.rdsData.stop();
      await gateway.stop();
      shared.clock.stop();
    },
  };
}
