/**
 * The stack is read from its synthesized template: what references become, and that nothing unknown
 * passes unseen.
 */
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from '@jest/globals';
import { readStack } from '@restoreclick/local-aws';
import { synthesizeStack } from '../infrastructure/synthesized.ts';

const local = {
  queueUrl: (name: string) => `http://127.0.0.1:4566/000000000000/${name}`,
  apiUrl: 'http://127.0.0.1:3001',
};

describe('the stack', () => {
  const stack = synthesizeStack('local');
  afterAll(stack.remove);
  const { model, step, folder } = stack;

  test('is the same each time it is read', () => {
    expect(readStack(folder, local)).toEqual(model);
  });

  test('has names that S3 would take, each its own', () => {
    const { functions, queues, buckets, stateMachines, secrets, rules } = model;
    const named = [functions, queues, buckets, stateMachines, secrets, rules].flat();
    const names = named.map(({ name }) => name);
    expect(names.filter((name) => !/^[a-z0-9][a-z0-9-]{1,61}[a-z0-9]$/.test(name))).toEqual([]);
    expect(new Set(names).size).toBe(names.length);
  });

  test('has a bundle behind every function', () => {
    for (const { folder: bundle, handler } of model.functions) {
      expect(readdirSync(bundle)).toContain('index.mjs');
      expect(handler).toBe('index.handler');
    }
  });

  test('leaves out the functions that CDK deploys for itself', () => {
    const all = stack.resourcesOf('AWS::Lambda::Function').map(([id]) => id);
    const left = all.filter((id) => !model.functions.some(({ logicalId }) => logicalId === id));
    expect(left.map((id) => id.replace(/[0-9a-fA-F]{8,}$/, ''))).toEqual([
      'CustomS3AutoDeleteObjectsCustomResourceProviderHandler',
      'BucketNotificationsHandler',
      'AWSCDKTriggerCustomResourceProviderCustomResourceProviderHandler',
    ]);
  });

  test('has queue addresses of the local system in the environment of who sends', () => {
    const queue = model.queues.find(
      ({ url }) => url === step('payment/place-order').environment.SEND_EMAIL_QUEUE_URL,
    );
    expect(queue?.url).toBe(local.queueUrl(queue?.name ?? ''));
    expect(queue?.arn).toBe(`arn:aws:sqs:us-east-1:000000000000:${queue?.name}`);
  });

  test('tells the API’s address to the one step that is not behind it', () => {
    expect(step('email/send-email').environment.API_URL).toBe('http://127.0.0.1:3001');
  });

  test('has secrets under ARNs that end as AWS ends them', () => {
    for (const { arn, name } of model.secrets) {
      expect(arn).toMatch(/^arn:aws:secretsmanager:us-east-1:000000000000:secret:[a-z0-9]+-[0-9a-f]{6}$/);
      expect(arn).toContain(name);
    }
  });

  test('says how each secret is generated, or that it is not', () => {
    const byArn = (arn = '') => model.secrets.find((secret) => secret.arn === arn)?.generate;
    expect(byArn(model.database.adminSecretArn)).toEqual({
      template: { username: 'restoreclick_admin' },
      key: 'password',
      length: 40,
      excludePunctuation: true,
    });
    expect(byArn(step('order/get-order').environment.ORDER_KEY_SECRET_ARN)).toEqual({
      length: 64,
      excludePunctuation: true,
    });
    expect(byArn(step('payment/place-order').environment.STRIPE_SECRET_ARN)).toBeUndefined();
  });

  test('knows the database by one ARN throughout', () => {
    expect(model.database).toMatchObject({
      clusterArn: step('order/get-order').environment.DATABASE_CLUSTER_ARN,
      name: step('order/get-order').environment.DATABASE_NAME,
    });
  });

  test('has a state machine that refers to functions and queues of the model', () => {
    const definition = JSON.stringify(model.stateMachines[0]?.definition);
    expect(definition).toContain(step('restoration/check-prediction').arn);
    expect(definition).toContain(step('restoration/store-restored').arn);
    expect(definition).not.toMatch(/Fn::|\$\{Token/);
  });

  test('lets any page on this machine call it', () => {
    expect(model.api.cors?.origins).toEqual(['*']);
  });
});

describe('a template', () => {
  /** A placeholder of Fn::Sub. */
  const sub = (name: string) => `\${${name}}`;
  const folders: string[] = [];
  afterAll(() => {
    for (const folder of folders) rmSync(folder, { recursive: true, force: true });
  });

  /** Reads a stack of these resources beside the least that a stack must have. */
  function read(resources: object) {
    const folder = mkdtempSync(join(tmpdir(), 'restoreclick-template-'));
    folders.push(folder);
    const write = (file: string, content: object) =>
      writeFileSync(join(folder, file), JSON.stringify(content));
    write('manifest.json', {
      artifacts: {
        Stack: { type: 'aws:cloudformation:stack', properties: { templateFile: 'stack.json' } },
        Assets: { type: 'cdk:asset-manifest', properties: { file: 'assets.json' } },
      },
    });
    write('assets.json', {
      files: { abc: { source: { path: 'asset.abc' }, destinations: { here: { objectKey: 'abc.zip' } } } },
    });
    write('stack.json', { Resources: { ...least, ...resources } });
    return readStack(folder, local);
  }
  const least = {
    Api: { Type: 'AWS::ApiGatewayV2::Api', Properties: { ProtocolType: 'HTTP' } },
    Cluster: { Type: 'AWS::RDS::DBCluster', Properties: { DatabaseName: 'shop' } },
    Admin: { Type: 'AWS::SecretsManager::Secret', Properties: {} },
    Attached: {
      Type: 'AWS::SecretsManager::SecretTargetAttachment',
      Properties: { SecretId: { Ref: 'Admin' } },
    },
  };
  const role = { Type: 'AWS::IAM::Role', Properties: { AssumeRolePolicyDocument: {} } };
  const functionWith = (Variables: object) => ({
    Role: role,
    Function: {
      Type: 'AWS::Lambda::Function',
      Properties: {
        Code: {
          S3Bucket: { 'Fn::Sub': `assets-${sub('AWS::AccountId')}-${sub('AWS::Region')}` },
          S3Key: 'abc.zip',
        },
        Handler: 'index.handler',
        Role: { 'Fn::GetAtt': ['Role', 'Arn'] },
        Environment: { Variables },
      },
    },
    Queue: { Type: 'AWS::SQS::Queue', Properties: {} },
  });
  const resolved = (value: unknown) => read(functionWith({ VALUE: value })).functions[0]?.environment.VALUE;

  test.each([
    [{ Ref: 'Queue' }, 'http://127.0.0.1:4566/000000000000/queue'],
    [{ 'Fn::GetAtt': ['Queue', 'Arn'] }, 'arn:aws:sqs:us-east-1:000000000000:queue'],
    [
      { 'Fn::Join': ['-', ['a', { Ref: 'AWS::Region' }, { 'Fn::Join': ['', ['b', 'c']] }]] },
      'a-us-east-1-bc',
    ],
    [
      { 'Fn::Sub': `x/${sub('Queue.QueueName')}/${sub('AWS::Partition')}/${sub('!literal')}` },
      `x/queue/aws/${sub('literal')}`,
    ],
    [
      { 'Fn::Sub': [`${sub('name')} at ${sub('Queue')}`, { name: { Ref: 'Role' } }] },
      'role at http://127.0.0.1:4566/000000000000/queue',
    ],
  ])('resolves %j', (value, expected) => {
    expect(resolved(value)).toBe(expected);
  });

  test.each([
    [
      { 'Fn::ImportValue': 'other' },
      'Function/Properties/Environment/Variables/VALUE: Fn::ImportValue is not resolved',
    ],
    [
      { 'Fn::GetAtt': ['Queue', 'Colour'] },
      'the attribute Colour of AWS::SQS::Queue (Queue) is not known locally',
    ],
    [{ Ref: 'Nobody' }, 'there is no resource Nobody'],
    [{ 'Fn::Join': ['', [{ Ref: 'Queue' }, ['a']]] }, 'a text was expected'],
  ])('says where it cannot resolve %j', (value, message) => {
    expect(() => resolved(value)).toThrow(message);
  });

  test('with a property that the local system knows nothing of is refused by name', () => {
    const queue = { Type: 'AWS::SQS::Queue', Properties: { FifoQueue: true } };
    expect(() => read({ Orders: queue })).toThrow(
      'Orders: FifoQueue of AWS::SQS::Queue is not known locally',
    );
  });

  test('with a property of another shape is refused by name', () => {
    const queue = { Type: 'AWS::SQS::Queue', Properties: { VisibilityTimeout: 'long' } };
    expect(() => read({ Orders: queue })).toThrow(/Orders \(AWS::SQS::Queue\)[\s\S]*VisibilityTimeout/);
  });

  test('with a managed policy is refused: what it allows is not in the template', () => {
    const broad = {
      ...role,
      Properties: { ...role.Properties, ManagedPolicyArns: ['arn:aws:iam::aws:policy/Admin'] },
    };
    expect(() => read({ ...functionWith({}), Role: broad })).toThrow(
      'managed policies are not known locally',
    );
  });

  test('whose function has no bundle in the assembly is refused', () => {
    const resources = functionWith({});
    resources.Function.Properties.Code.S3Key = 'other.zip';
    expect(() => read(resources)).toThrow('Function: the assembly has no asset other.zip');
  });

  test('with a resource under a condition is refused', () => {
    const queue = { Type: 'AWS::SQS::Queue', Condition: 'InProduction', Properties: {} };
    expect(() => read({ Orders: queue })).toThrow('Orders: resources under a condition');
  });

  test('gives a function what the role’s own policies and those attached to it say', () => {
    const statement = (Action: string | string[], Resource: unknown, more = {}) => ({
      Effect: 'Allow',
      Action,
      Resource,
      ...more,
    });
    const inline = statement('s3:GetObject', '*', { Condition: { StringEquals: { 's3:prefix': 'a' } } });
    const attached = statement(['sqs:SendMessage', 'sqs:GetQueueUrl'], [{ 'Fn::GetAtt': ['Queue', 'Arn'] }]);
    const policies = [{ PolicyName: 'own', PolicyDocument: { Version: '2012-10-17', Statement: [inline] } }];
    const policyOf = (to: string) => ({
      Type: 'AWS::IAM::Policy',
      Properties: { PolicyName: 'p', Roles: [{ Ref: to }], PolicyDocument: { Statement: [attached] } },
    });
    const { functions } = read({
      ...functionWith({}),
      Role: { ...role, Properties: { ...role.Properties, Policies: policies } },
      Attached1: policyOf('Role'),
      OtherRole: role,
      Attached2: policyOf('OtherRole'),
    });
    expect(functions[0]?.policy).toEqual([
      {
        effect: 'Allow',
        actions: ['s3:GetObject'],
        resources: ['*'],
        conditions: { StringEquals: { 's3:prefix': ['a'] } },
      },
      {
        effect: 'Allow',
        actions: ['sqs:SendMessage', 'sqs:GetQueueUrl'],
        resources: ['arn:aws:sqs:us-east-1:000000000000:queue'],
        conditions: {},
      },
    ]);
  });
});
