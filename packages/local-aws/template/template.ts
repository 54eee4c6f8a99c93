/** Reads the synthesized stack into what the local system runs. */
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
import { openTemplate, type Template } from './resources.ts';
import { readBuckets } from './storage.ts';

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
      ...template.identify(logicalId),
      url: template.ref(logicalId),
      visibilityTimeoutSeconds: queue.VisibilityTimeout,
      delaySeconds: queue.DelaySeconds,
      retentionSeconds: queue.MessageRetentionPeriod,
      redrive: redrive && {
        deadLetterArn: redrive.deadLetterTargetArn,
        maxReceiveCount: redrive.maxReceiveCount,
      },
    };
  });
}

function readStateMachines(template: Template): StateMachineModel[] {
  return template.idsOf('AWS::StepFunctions::StateMachine').map((logicalId) => {
    const { DefinitionString, RoleArn } = template.read(
      logicalId,
      { DefinitionString: text, RoleArn: text, StateMachineType: z.literal('STANDARD').optional() },
      ['LoggingConfiguration', 'TracingConfiguration'],
    );
    return {
      ...template.identify(logicalId),
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
            // What EventBridge gives up is told in the log, and nothing is left for this queue.
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
        pattern: rule.EventPattern,
        schedule: rule.ScheduleExpression,
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
        maxAgeSeconds: cors.MaxAge,
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
    { IntegrationType: z.literal('AWS_PROXY'), IntegrationUri: text, PayloadFormatVersion: z.literal('2.0') },
    ['ApiId'],
  );
  return {
    routeKey: route.RouteKey,
    functionId: template.idByReference('AWS::Lambda::Function', integration.IntegrationUri),
  };
}

const generation = z.strictObject({
  ExcludePunctuation: z.boolean().default(false),
  GenerateStringKey: text.optional(),
  PasswordLength: z.number().default(32),
  SecretStringTemplate: text.transform((json) => z.record(text, text).parse(JSON.parse(json))).optional(),
});

function readSecrets(template: Template): SecretModel[] {
  return template.idsOf('AWS::SecretsManager::Secret').map((logicalId) => {
    const shape = { GenerateSecretString: generation.optional() };
    const { GenerateSecretString: rule } = template.read(logicalId, shape, ['Description']);
    const generate = rule && {
      length: rule.PasswordLength,
      excludePunctuation: rule.ExcludePunctuation,
      key: rule.GenerateStringKey,
      template: rule.SecretStringTemplate,
    };
    return { ...template.identify(logicalId), ...(generate && { generate }) };
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
    adminSecretArn: template.ref(attachment),
  };
}

/** How Aurora runs it is Aurora's; here it is a PostgreSQL of the same version. */
const clusterProperties = `
  BackupRetentionPeriod CopyTagsToSnapshot DBClusterParameterGroupName DBSubnetGroupName
  DeletionProtection EnableHttpEndpoint EnableIAMDatabaseAuthentication Engine EngineVersion
  MasterUserPassword MasterUsername Port ServerlessV2ScalingConfiguration StorageEncrypted
  VpcSecurityGroupIds`
  .trim()
  .split(/\s+/);
