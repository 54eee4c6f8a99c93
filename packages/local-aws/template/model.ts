/** What the local system knows of the stack: the synthesized template, its references resolved to local names. Nothing here is listed twice. */

/** One IAM statement, its lists always arrays. */
export type PolicyStatement = {
  effect: 'Allow' | 'Deny';
  actions: string[];
  resources: string[];
  /** Operator → condition key → values, as in IAM: `{ StringEquals: { 's3:RequestObjectTag/stage': ['checkout'] } }`. */
  conditions: Record<string, Record<string, string[]>>;
};

export type FunctionModel = {
  logicalId: string;
  name: string;
  arn: string;
  /** What the template says of it, if anything. */
  description: string;
  /** Absolute path of the folder with its bundle. */
  folder: string;
  /** `index.handler`: file without ending, then export. */
  handler: string;
  environment: Record<string, string>;
  memoryMb: number;
  timeoutSeconds: number;
  policy: PolicyStatement[];
};

export type QueueModel = {
  logicalId: string;
  name: string;
  arn: string;
  url: string;
  visibilityTimeoutSeconds: number;
  delaySeconds: number;
  retentionSeconds: number;
  redrive?: { deadLetterArn: string; maxReceiveCount: number };
};

export type EventSourceModel = {
  functionId: string;
  queueArn: string;
  batchSize: number;
  maxConcurrency?: number;
  reportBatchItemFailures: boolean;
};

export type LifecycleRule = {
  id: string;
  prefix: string;
  tags: Record<string, string>;
  expirationDays?: number;
  abortIncompleteMultipartDays?: number;
};

export type CorsRule = {
  origins: string[];
  methods: string[];
  headers: string[];
  exposed: string[];
  maxAgeSeconds?: number;
};

export type NotificationModel = { events: string[]; prefix: string; suffix: string; queueArn: string };

export type BucketModel = {
  logicalId: string;
  name: string;
  arn: string;
  lifecycle: LifecycleRule[];
  cors: CorsRule[];
  notifications: NotificationModel[];
};

export type StateMachineModel = {
  logicalId: string;
  name: string;
  arn: string;
  /** The ASL definition, references resolved. */
  definition: unknown;
  policy: PolicyStatement[];
};

export type RuleModel = {
  logicalId: string;
  name: string;
  /** Event pattern, or undefined for a schedule. */
  pattern?: unknown;
  /** `rate(1 day)` or `cron(…)`. */
  schedule?: string;
  targets: { arn: string; input?: unknown }[];
};

export type RouteModel = { routeKey: string; functionId: string };

export type ApiModel = {
  routes: RouteModel[];
  cors?: CorsRule;
};

export type SecretModel = {
  logicalId: string;
  name: string;
  arn: string;
  /** As `GenerateSecretString` in the template, or undefined when an operator fills it in. */
  generate?: { template?: Record<string, string>; key?: string; length: number; excludePunctuation: boolean };
};

export type DatabaseModel = { clusterArn: string; name: string; adminSecretArn: string };

export type StackModel = {
  region: string;
  account: string;
  functions: FunctionModel[];
  queues: QueueModel[];
  eventSources: EventSourceModel[];
  buckets: BucketModel[];
  stateMachines: StateMachineModel[];
  rules: RuleModel[];
  api: ApiModel;
  secrets: SecretModel[];
  database: DatabaseModel;
  /** Functions to run once on every deploy, in order: the migration step. */
  onDeploy: string[];
};
