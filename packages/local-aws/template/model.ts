/** What the local system knows of the stack: its template, references resolved to local names. */

/** One IAM statement, its lists always arrays. */
export type PolicyStatement = {
  effect: 'Allow' | 'Deny';
  actions: string[];
  resources: string[];
  /** Operator → condition key → values: `{ StringEquals: { 's3:prefix': ['uploads/'] } }`. */
  conditions: Record<string, Record<string, string[]>>;
};

/** What a resource is called. */
export type Identity = { logicalId: string; name: string; arn: string };

export type FunctionModel = Identity & {
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

export type QueueModel = Identity & {
  url: string;
  visibilityTimeoutSeconds: number;
  delaySeconds: number;
  retentionSeconds: number;
  redrive?: { deadLetterArn: string; maxReceiveCount: number } | undefined;
};

export type EventSourceModel = {
  functionId: string;
  queueArn: string;
  batchSize: number;
  maxConcurrency?: number | undefined;
  reportBatchItemFailures: boolean;
};

export type LifecycleRule = {
  id: string;
  prefix: string;
  tags: Record<string, string>;
  expirationDays?: number | undefined;
  abortIncompleteMultipartDays?: number | undefined;
};

export type CorsRule = {
  origins: string[];
  methods: string[];
  headers: string[];
  exposed: string[];
  maxAgeSeconds?: number | undefined;
};

export type NotificationModel = { events: string[]; prefix: string; suffix: string; queueArn: string };

export type BucketModel = Identity & {
  lifecycle: LifecycleRule[];
  cors: CorsRule[];
  notifications: NotificationModel[];
};

export type StateMachineModel = Identity & {
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
  schedule?: string | undefined;
  targets: { arn: string; input?: unknown }[];
};

export type RouteModel = { routeKey: string; functionId: string };

export type ApiModel = { routes: RouteModel[]; cors?: CorsRule };

export type SecretModel = Identity & {
  /** As `GenerateSecretString` in the template, or undefined when an operator fills it in. */
  generate?: {
    template?: Record<string, string> | undefined;
    key?: string | undefined;
    length: number;
    excludePunctuation: boolean;
  };
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
