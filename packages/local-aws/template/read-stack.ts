/** Reads the synthesized stack into what the local system runs: nothing about the product is written down twice. */
import { z } from 'zod';
import { readEventSources, readFunctions, readPolicy, readTriggers } from './functions.ts';
import type {
  ApiModel,
  DatabaseModel,
  QueueModel,
  RuleModel,
  SecretModel,
  StackModel,
  StateMachineModel,
} from './model.ts';
import { account, type LocalAddresses, physicalName, region } from './names.ts';
import { readBuckets } from './storage.ts';
import { openTemplate, type Template } from './template.ts';

const text = z.string();
const texts = z.array(text).default([]);

/**
 * @param assemblyFolder a cloud assembly of one stack (`cdk.out`)
 * @param local addresses that only the running local system knows
 * @throws Error naming the resource and the path of whatever the local system does not know
 */
export function readStack(assemblyFolder: string, local: LocalAddresses): StackModel {
  const template = openTemplate(assemblyFolder, local);
  return {
    region,
    account,
    functions: readFunctions(template),
    queues: readQueues(template),
    eventSources: readEventSources(template),
    buckets: readBuckets(template),
    stateMachines: readStateMachines(template),
    rules: readRules(template),
    api: readApi(template),
    secrets: readSecrets(template),
    database: readDatabase(template),
    onDeploy: readTriggers(template),
  };
}

/** What `Ref` or an attribute of a resource resolves to. */
function resolvedTo(template: Template, logicalId: string, attribute?: string): string {
  const reference = attribute ? { 'Fn::GetAtt': [logicalId, attribute] } : { Ref: logicalId };
  return text.parse(template.resolve(reference, logicalId));
}

function readQueues(template: Template): QueueModel[] {
  return template.idsOf('AWS::SQS::Queue').map((logicalId) => {
    const queue = template.read(
      logicalId,
      {
        DelaySeconds: z.number().default(0),
        MessageRetentionPeriod: z.number().default(345_600),
        RedrivePolicy: z.strictObject({ deadLetterTargetArn: text, maxReceiveCount: z.number() }).optional(),
        VisibilityTimeout: z.number().default(30),
      },
      ['SqsManagedSseEnabled'],
    );
    const { RedrivePolicy: redrive } = queue;
    return {
      logicalId,
      name: physicalName(logicalId),
      arn: resolvedTo(template, logicalId, 'Arn'),
      url: resolvedTo(template, logicalId),
      visibilityTimeoutSeconds: queue.VisibilityTimeout,
      delaySeconds: queue.DelaySeconds,
      retentionSeconds: queue.MessageRetentionPeriod,
      ...(redrive && {
        redrive: { deadLetterArn: redrive.deadLetterTargetArn, maxReceiveCount: redrive.maxReceiveCount },
      }),
    };
  });
}

function readStateMachines(template: Template): StateMachineModel[] {
  return template.idsOf('AWS::StepFunctions::StateMachine').map((logicalId) => {
    const { DefinitionString, RoleArn } = template.read(
      logicalId,
      {
        DefinitionString: text,
        RoleArn: text,
        StateMachineType: z.literal('STANDARD').optional(),
      },
      ['LoggingConfiguration', 'TracingConfiguration'],
    );
    return {
      logicalId,
      name: physicalName(logicalId),
      arn: resolvedTo(template, logicalId, 'Arn'),
      definition: JSON.parse(DefinitionString),
      policy: readPolicy(template, template.idByReference('AWS::IAM::Role', RoleArn)),
    };
  });
}

function readRules(template: Template): RuleModel[] {
  return template.idsOf('AWS::Events::Rule').flatMap((logicalId) => {
    const rule = template.read(
      logicalId,
      {
        EventPattern: z.unknown().optional(),
        ScheduleExpression: text.optional(),
        State: z.enum(['ENABLED', 'DISABLED']),
        Targets: z.array(
          z.strictObject({
            Id: text,
            Arn: text,
            Input: text.optional(),
            // EventBridge delivers on one machine or fails aloud: nothing is left over for a dead-letter queue.
            DeadLetterConfig: z.unknown().optional(),
          }),
        ),
      },
      ['Description'],
    );
    if (rule.State === 'DISABLED') return [];
    return [
      {
        logicalId,
        name: physicalName(logicalId),
        ...(rule.EventPattern !== undefined && { pattern: rule.EventPattern }),
        ...(rule.ScheduleExpression !== undefined && { schedule: rule.ScheduleExpression }),
        targets: rule.Targets.map(({ Arn, Input }) => ({
          arn: Arn,
          ...(Input !== undefined && { input: JSON.parse(Input) }),
        })),
      },
    ];
  });
}

const apiCors = z.strictObject({
  AllowOrigins: texts,
  AllowMethods: texts,
  AllowHeaders: texts,
  ExposeHeaders: texts,
  MaxAge: z.number().optional(),
});

function readApi(template: Template): ApiModel {
  const [api, ...others] = template.idsOf('AWS::ApiGatewayV2::Api');
  if (!api || others.length > 0) throw new Error('The stack must have one HTTP API.');
  const properties = { ProtocolType: z.literal('HTTP'), CorsConfiguration: apiCors.optional() };
  const { CorsConfiguration: cors } = template.read(api, properties, ['Name']);
  return {
    routes: template.idsOf('AWS::ApiGatewayV2::Route').map((id) => readRoute(template, id)),
    ...(cors && {
      cors: {
        origins: cors.AllowOrigins,
        methods: cors.AllowMethods,
        headers: cors.AllowHeaders,
        exposed: cors.ExposeHeaders,
        ...(cors.MaxAge !== undefined && { maxAgeSeconds: cors.MaxAge }),
      },
    }),
  };
}

function readRoute(template: Template, id: string) {
  const route = template.read(
    id,
    { AuthorizationType: z.literal('NONE').optional(), RouteKey: text, Target: text },
    ['ApiId'],
  );
  const integration = template.read(
    template.idByReference('AWS::ApiGatewayV2::Integration', route.Target),
    {
      IntegrationType: z.literal('AWS_PROXY'),
      IntegrationUri: text,
      PayloadFormatVersion: z.literal('2.0'),
    },
    ['ApiId'],
  );
  return {
    routeKey: route.RouteKey,
    functionId: template.idByReference('AWS::Lambda::Function', integration.IntegrationUri),
  };
}

function readSecrets(template: Template): SecretModel[] {
  return template.idsOf('AWS::SecretsManager::Secret').map((logicalId) => {
    const { GenerateSecretString: generate } = template.read(
      logicalId,
      {
        GenerateSecretString: z
          .strictObject({
            ExcludePunctuation: z.boolean().default(false),
            GenerateStringKey: text.optional(),
            PasswordLength: z.number().default(32),
            SecretStringTemplate: text
              .transform((json) => z.record(text, text).parse(JSON.parse(json)))
              .optional(),
          })
          .optional(),
      },
      ['Description'],
    );
    return {
      logicalId,
      name: physicalName(logicalId),
      arn: resolvedTo(template, logicalId),
      ...(generate && {
        generate: {
          length: generate.PasswordLength,
          excludePunctuation: generate.ExcludePunctuation,
          ...(generate.GenerateStringKey !== undefined && { key: generate.GenerateStringKey }),
          ...(generate.SecretStringTemplate && { template: generate.SecretStringTemplate }),
        },
      }),
    };
  });
}

function readDatabase(template: Template): DatabaseModel {
  const [cluster, ...others] = template.idsOf('AWS::RDS::DBCluster');
  const [attachment] = template.idsOf('AWS::SecretsManager::SecretTargetAttachment');
  if (!cluster || !attachment || others.length > 0) {
    throw new Error('The stack must have one database cluster, with its administrator’s secret attached.');
  }
  const { DatabaseName } = template.read(cluster, { DatabaseName: text }, clusterProperties);
  return {
    clusterArn: `arn:aws:rds:${region}:${account}:cluster:${physicalName(cluster)}`,
    name: DatabaseName,
    adminSecretArn: resolvedTo(template, attachment),
  };
}

/** How Aurora runs it is Aurora's; here it is a PostgreSQL of the same version. */
const clusterProperties = [
  ...['BackupRetentionPeriod', 'CopyTagsToSnapshot', 'DBClusterParameterGroupName', 'DBSubnetGroupName'],
  ...[
    'DeletionProtection',
    'EnableHttpEndpoint',
    'EnableIAMDatabaseAuthentication',
    'Engine',
    'EngineVersion',
  ],
  ...['MasterUserPassword', 'MasterUsername', 'Port', 'ServerlessV2ScalingConfiguration', 'StorageEncrypted'],
  'VpcSecurityGroupIds',
];
