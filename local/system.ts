/** The whole system on one machine: the synthesized stack and all that it calls, wired together. */
import { join } from 'node:path';
import {
  account,
  type Clock,
  createApiGateway,
  createClock,
  createCredentials,
  createEventBridge,
  createEventSource,
  createFaults,
  createGateway,
  createIam,
  createLambda,
  createRdsData,
  createS3,
  createSecretsManager,
  createSqs,
  createStepFunctions,
  createStore,
  type EventSource,
  type Lambda,
  type LambdaResult,
  type Login,
  type PgServer,
  postgresBacking,
  readStack,
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

/** Hands an event of EventBridge to a queue or a function. */
function deliverTo(model: StackModel, sqs: Sqs, lambda: () => Lambda) {
  return async (targetArn: string, payload: unknown) => {
    if (model.queues.some(({ arn }) => arn === targetArn)) await sqs.send(targetArn, JSON.stringify(payload));
    else await lambda().invokeLater(targetArn, payload);
  };
}

/** What the services of one system share. */
async function openGround(options: SystemOptions) {
  const { server, database, clock = createClock(), log = () => {} } = options;
  await server.createDatabase(`${database}_services`);
  const store = createStore(await postgresBacking(server.pool(`${database}_services`)));
  const secrets = await systemSecrets(store);
  return { store, secrets, clock, log };
}

type Ground = Awaited<ReturnType<typeof openGround>>;

/** The two servers that listen before the stack can be read, since it names their addresses. */
async function openDoors({ assembly, ports = anyPorts }: SystemOptions, { secrets, clock, log }: Ground) {
  const draft = readStack(assembly, { queueUrl: (name) => name, apiUrl: '' });
  const callers = [...draft.functions, ...draft.stateMachines];
  const policies = new Map(callers.map(({ logicalId, policy }) => [logicalId, policy]));
  const iam = createIam({ policies, account });
  const credentials = createCredentials({ secret: secrets.signing, callers: [...policies.keys()] });
  const gateway = await createGateway({
    credentials,
    iam,
    clock,
    port: ports.aws,
    log: (line) => log('aws', line),
  });
  const late: { invoke?: (id: string, event: unknown) => Promise<LambdaResult> } = {};
  const api = await createApiGateway({
    api: draft.api,
    account,
    clock,
    port: ports.api,
    log: (line) => log('api', line),
    invoke: (id, event) => {
      if (!late.invoke) throw new Error('The system is still starting.');
      return late.invoke(id, event);
    },
  });
  const queueUrl = (name: string) => `${gateway.url}/${account}/${name}`;
  const model = readStack(assembly, { queueUrl, apiUrl: api.url });
  return { iam, credentials, gateway, api, model, late };
}

type Doors = Awaited<ReturnType<typeof openDoors>>;

function environmentOf(
  options: SystemOptions,
  providers: Providers,
  siteUrl: string,
): Record<string, string> {
  return {
    ...providers.environment,
    SITE_URL: siteUrl,
    DATABASE_NAME: options.database,
    // Lambda's Node is newer than the one this machine may have.
    AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED: 'true',
  };
}

async function openStorage(
  options: SystemOptions,
  ground: Ground,
  doors: Doors,
  secrets: Record<string, string>,
) {
  const { server, folder } = options;
  const { store, clock } = ground;
  const { model, iam, credentials } = doors;
  const authorizeAs = iam.authorize;
  const sqs = await createSqs({ queues: model.queues, store, clock });
  const s3 = await createS3({
    buckets: model.buckets,
    folder: join(folder, 's3'),
    store,
    clock,
    notify: (queueArn, body) => sqs.send(queueArn, body),
    credentials,
    authorizeAs,
    region,
  });
  const secretsManager = await createSecretsManager({ secrets: model.secrets, store, values: secrets });
  const rdsData = createRdsData({
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

async function openCompute(
  options: SystemOptions,
  ground: Ground,
  { model, iam, credentials, gateway }: Doors,
  { sqs }: Storage,
  environment: Record<string, string>,
  hosts: Record<string, string>,
) {
  const { store, clock, log } = ground;
  const { random, inspect } = options;
  const faults = createFaults({ hosts: { ...realHosts, ...hosts } });
  const lambda = await createLambda({
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
  const chance = random ? { random } : {};
  const warn = (line: string) => log('aws', line);
  const deliver = deliverTo(model, sqs, () => lambda);
  const eventBridge = await createEventBridge({
    rules: model.rules,
    clock,
    store,
    deliver,
    log: warn,
    ...chance,
  });
  const stepFunctions = await createStepFunctions({
    stateMachines: model.stateMachines,
    store,
    clock,
    emit: eventBridge.emit,
    log: warn,
    authorizeAs: iam.authorize,
    invokeLambda: (arn, payload) => lambda.invoke(arn, payload),
    async sendMessage(queueUrl, body, _caller, sending) {
      const queue = model.queues.find(({ url }) => url === queueUrl);
      if (!queue) throw new Error(`There is no queue ${queueUrl}.`);
      await sqs.send(queue.arn, body, sending);
      return {};
    },
    ...chance,
  });
  return { faults, lambda, eventBridge, stepFunctions };
}

type Compute = Awaited<ReturnType<typeof openCompute>>;

function serveAll({ gateway }: Doors, storage: Storage, compute: Compute): void {
  gateway.serve('s3', storage.s3.service);
  gateway.serve('sqs', storage.sqs.service);
  gateway.serve('secretsmanager', storage.secretsManager.service);
  gateway.serve('rds-data', storage.rdsData.service);
  gateway.serve('lambda', compute.lambda.service);
  gateway.serve('events', compute.eventBridge.service);
  gateway.serve('states', compute.stepFunctions.service);
}

function feedFunctions(
  { model, iam }: Doors,
  { sqs }: Storage,
  { lambda }: Compute,
  ground: Ground,
): EventSource[] {
  const log = (line: string) => ground.log('aws', line);
  const { clock } = ground;
  return model.eventSources.map((source) =>
    createEventSource({ model: source, source: sqs, invoke: lambda.invoke, iam, clock, region, log }),
  );
}

/**
 * Starts everything, migrates the database, and goes on with what an earlier run left under way.
 * @throws Error in a sentence when a port is taken or the deployment step fails
 */
export async function startSystem(options: SystemOptions) {
  const ground = await openGround(options);
  const doors = await openDoors(options, ground);
  const providers = await startProviders(options, ground, doors.api.url);
  const home = await createHome({ port: (options.ports ?? anyPorts).home });
  const { server, passwordOf = passwordsOf(server) } = options;
  const storage = await openStorage(options, ground, doors, secretValues(doors.model, passwordOf, providers));
  await openDatabase(
    options,
    readLogin(doors.model, storage.secretsManager, doors.model.database.adminSecretArn),
  );
  const environment = environmentOf(options, providers, home.url);
  const compute = await openCompute(options, ground, doors, storage, environment, providers.hosts);
  serveAll(doors, storage, compute);
  await deploy(doors.model, compute.lambda);
  doors.late.invoke = compute.lambda.invoke;
  await compute.eventBridge.resume();
  await compute.stepFunctions.resume();
  const eventSources = feedFunctions(doors, storage, compute, ground);
  home.show({ ...providers.urls, api: doors.api.url, aws: doors.gateway.url });

  return {
    urls: { ...providers.urls, api: doors.api.url, aws: doors.gateway.url, home: home.url },
    model: doors.model,
    clock: ground.clock,
    ...compute,
    ...storage,
    async stop() {
      storage.sqs.close();
      await Promise.all(eventSources.map((source) => source.stop()));
      compute.eventBridge.stop();
      await compute.stepFunctions.stop();
      await providers.stop();
      await Promise.all([doors.api.stop(), home.stop()]);
      await compute.lambda.stop();
      await storage.s3.stop();
      await storage.rdsData.stop();
      await doors.gateway.stop();
      ground.clock.stop();
    },
  };
}
