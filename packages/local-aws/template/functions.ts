/** Functions, what feeds them and what they may do, as the template has them. */
import { z } from 'zod';
import type { EventSourceModel, FunctionModel, PolicyStatement } from './model.ts';
import { physicalName } from './names.ts';
import type { Template } from './resources.ts';

/** Without CDK's own, which serve custom resources: they have no work on one machine. */
export function readFunctions(template: Template): FunctionModel[] {
  const providers = providersOf(template);
  return template.idsOf('AWS::Lambda::Function').flatMap((logicalId) => {
    return providers.has(physicalName(logicalId)) ? [] : [readFunction(template, logicalId)];
  });
}

const text = z.string();

function readFunction(template: Template, logicalId: string): FunctionModel {
  const properties = template.read(
    logicalId,
    {
      Code: z.strictObject({ S3Bucket: text, S3Key: text }),
      Description: text.default(''),
      Environment: z.strictObject({ Variables: z.record(text, text) }).default({ Variables: {} }),
      Handler: text,
      MemorySize: z.number().default(128),
      Role: text,
      Timeout: z.number().default(3),
    },
    // One machine runs as many at once as it can.
    ['Architectures', 'LoggingConfig', 'ReservedConcurrentExecutions', 'Runtime'],
  );
  const folder = template.assetOf(properties.Code.S3Key);
  if (!folder) throw new Error(`${logicalId}: the assembly has no asset ${properties.Code.S3Key}.`);
  return {
    ...template.identify(logicalId),
    description: properties.Description,
    folder,
    handler: properties.Handler,
    environment: properties.Environment.Variables,
    memoryMb: properties.MemorySize,
    timeoutSeconds: properties.Timeout,
    policy: readPolicy(template, template.idByReference('AWS::IAM::Role', properties.Role)),
  };
}

/** Names of the functions behind custom resources. */
function providersOf(template: Template): Set<string> {
  const ids = customTypes.flatMap(template.idsOf);
  const tokens = ids.map((id) => template.read(id, { ServiceToken: text }, customProperties).ServiceToken);
  return new Set(tokens.map((arn) => arn.slice(arn.lastIndexOf(':') + 1)));
}

/** What CDK does itself on deployment; nothing of it has work on one machine. */
const customTypes = [
  'Custom::AWS',
  'Custom::S3AutoDeleteObjects',
  'Custom::S3BucketNotifications',
  'Custom::Trigger',
];
const customProperties = [
  ...['Create', 'Update', 'Delete', 'InstallLatestAwsSdk'],
  ...['BucketName', 'NotificationConfiguration', 'Managed', 'SkipDestinationValidation'],
  ...['HandlerArn', 'InvocationType', 'Timeout', 'ExecuteOnHandlerChange'],
];

/** The migration step and its like: functions that a trigger runs on every deployment. */
export function readTriggers(template: Template): string[] {
  return template.idsOf('Custom::Trigger').map((id) => {
    const irrelevant = customProperties.filter((name) => name !== 'HandlerArn');
    const { HandlerArn } = template.read(id, { HandlerArn: text }, ['ServiceToken', ...irrelevant]);
    return template.idByReference('AWS::Lambda::Function', HandlerArn.replace(/:\d+$/, ''));
  });
}

export function readEventSources(template: Template): EventSourceModel[] {
  return template.idsOf('AWS::Lambda::EventSourceMapping').map((id) => {
    const source = template.read(id, {
      BatchSize: z.number().default(10),
      EventSourceArn: text,
      FunctionName: text,
      FunctionResponseTypes: z.array(z.enum(['ReportBatchItemFailures'])).default([]),
      ScalingConfig: z.strictObject({ MaximumConcurrency: z.number() }).optional(),
    });
    return {
      functionId: template.idByReference('AWS::Lambda::Function', source.FunctionName),
      queueArn: source.EventSourceArn,
      batchSize: source.BatchSize,
      reportBatchItemFailures: source.FunctionResponseTypes.length > 0,
      maxConcurrency: source.ScalingConfig?.MaximumConcurrency,
    };
  });
}

const oneOrMany = z.union([text.transform((value) => [value]), z.array(text)]);
const document = z.strictObject({
  Version: text.optional(),
  Statement: z.array(
    z.strictObject({
      Sid: text.optional(),
      Effect: z.enum(['Allow', 'Deny']),
      Action: oneOrMany,
      Resource: oneOrMany,
      Condition: z.record(text, z.record(text, oneOrMany)).default({}),
    }),
  ),
});

/** Everything that the policies of a role say: those in it and those attached to it. */
export function readPolicy(template: Template, roleId: string): PolicyStatement[] {
  const role = template.read(
    roleId,
    {
      Policies: z.array(z.strictObject({ PolicyName: text, PolicyDocument: document })).default([]),
      ManagedPolicyArns: z.array(text).max(0, 'managed policies are not known locally').optional(),
    },
    ['AssumeRolePolicyDocument', 'Description'],
  );
  const attached = template.idsOf('AWS::IAM::Policy').flatMap((id) => {
    const { Roles } = template.read(id, { Roles: z.array(text) }, ['PolicyName', 'PolicyDocument']);
    if (!Roles.includes(physicalName(roleId))) return [];
    return [template.read(id, { PolicyDocument: document }, ['PolicyName', 'Roles']).PolicyDocument];
  });
  return [...role.Policies.map((policy) => policy.PolicyDocument), ...attached].flatMap(({ Statement }) =>
    Statement.map(({ Effect, Action, Resource, Condition }) => ({
      effect: Effect,
      actions: Action,
      resources: Resource,
      conditions: Condition,
    })),
  );
}
