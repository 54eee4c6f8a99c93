export { createApiGateway } from './api-gateway/index.ts';
export { type Clock, createClock, type Timer } from './clock/index.ts';
export { createEventBridge } from './event-bridge/index.ts';
export { createFaults, type FaultRule } from './faults/index.ts';
export { AwsError, createCredentials, createGateway, createIam, operator } from './gateway/index.ts';
export {
  createEventSource,
  createLambda,
  type EventSource,
  type Lambda,
  type LambdaResult,
} from './lambda/index.ts';
export {
  adminUser,
  isRunning,
  type Login,
  type PgAddress,
  type PgServer,
  postgresBacking,
  removePostgres,
  serverAt,
  startPostgres,
} from './postgres/index.ts';
export {
  answerOf,
  type Catalog,
  createCatalog,
  createRdsData,
  runQuery,
  sqlstateOf,
} from './rds-data/index.ts';
export { createS3 } from './s3/index.ts';
export { createSecretsManager, type SecretsManager } from './secrets-manager/index.ts';
export { createSqs, type Sqs } from './sqs/index.ts';
export { createStepFunctions } from './step-functions/index.ts';
export { type Collection, createStore, type Store } from './store/index.ts';
export {
  account,
  type FunctionModel,
  type QueueModel,
  readStack,
  region,
  type StackModel,
} from './template/index.ts';
