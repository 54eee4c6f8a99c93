/** What keeps photos private, money small and operators informed. */
import { afterAll, describe, expect, test } from '@jest/globals';
import { type Resource, synthesizeStack } from './synthesized.ts';

const stack = synthesizeStack();
afterAll(stack.remove);
const { model, resourcesOf } = stack;

/** The statements of the policy that a bucket or queue has of its own. */
function policyOf(type: string, member: string, logicalId: string): unknown[] {
  return resourcesOf(type)
    .filter(([, { Properties }]) => JSON.stringify(Properties[member]).includes(`"Ref":"${logicalId}"`))
    .flatMap(([, { Properties }]) => (Properties.PolicyDocument as { Statement: unknown[] }).Statement);
}
const plainHttpRefused = expect.arrayContaining([
  expect.objectContaining({
    Effect: 'Deny',
    Principal: { AWS: '*' },
    Condition: { Bool: { 'aws:SecureTransport': 'false' } },
  }),
]);

describe.each(resourcesOf('AWS::S3::Bucket'))('the bucket %s', (id, { Properties }) => {
  test('blocks all public access', () => {
    expect(Properties.PublicAccessBlockConfiguration).toEqual({
      BlockPublicAcls: true,
      BlockPublicPolicy: true,
      IgnorePublicAcls: true,
      RestrictPublicBuckets: true,
    });
  });

  test('refuses plain HTTP, and allows nothing to anyone by its policy', () => {
    const statements = policyOf('AWS::S3::BucketPolicy', 'Bucket', id);
    expect(statements).toEqual(plainHttpRefused);
    expect(statements).not.toContainEqual(expect.objectContaining({ Effect: 'Allow' }));
  });

  test('throws unfinished multipart uploads away', () => {
    const bucket = model.buckets.find(({ logicalId }) => logicalId === id);
    const rule = bucket?.lifecycle.find((each) => each.abortIncompleteMultipartDays !== undefined);
    expect(rule).toMatchObject({ prefix: '', tags: {}, abortIncompleteMultipartDays: 2 });
  });
});

describe('objects expire', () => {
  const expiring = model.buckets.map(({ logicalId, lifecycle }) => ({
    bucket: /Temp|Originals|Restored/.exec(logicalId)?.[0],
    rules: lifecycle.flatMap(({ prefix, tags, expirationDays }) =>
      expirationDays === undefined ? [] : [{ prefix, tags, expirationDays }],
    ),
  }));

  test('after a day when nobody bought them, after a month when somebody may have', () => {
    const { rules } = expiring.find(({ bucket }) => bucket === 'Temp') ?? {};
    expect(rules).toEqual([
      { prefix: '', tags: { stage: 'upload' }, expirationDays: 1 },
      { prefix: '', tags: { stage: 'checkout' }, expirationDays: 30 },
    ]);
  });

  test('never when they were sold or restored; only the archives made of them do, after a week', () => {
    expect(expiring.find(({ bucket }) => bucket === 'Originals')?.rules).toEqual([]);
    expect(expiring.find(({ bucket }) => bucket === 'Restored')?.rules).toEqual([
      { prefix: 'uploads/archives/', tags: {}, expirationDays: 7 },
    ]);
  });
});

describe('browsers of the shop', () => {
  const corsOf = (name: string) => model.buckets.find(({ logicalId }) => logicalId.includes(name))?.cors;
  const origins = ['https://restoreclick.com', 'https://www.restoreclick.com'];

  test('post to the temp bucket and get from the others, and no other site’s do', () => {
    expect(corsOf('Temp')).toMatchObject([{ origins, methods: ['POST'] }]);
  });

  test('may read from any page, because after a link’s redirect a browser calls the origin null', () => {
    for (const bucket of ['Originals', 'Restored'])
      expect(corsOf(bucket)).toMatchObject([{ origins: ['*'], methods: ['GET', 'HEAD'] }]);
  });

  test('call the API with the order’s key, and see how long to wait', () => {
    expect(model.api.cors).toMatchObject({
      origins,
      methods: ['GET', 'POST'],
      headers: expect.arrayContaining(['authorization', 'content-type']),
      exposed: ['retry-after'],
    });
  });
});

describe.each(model.queues)('the queue $logicalId', ({ logicalId, redrive }) => {
  const alarmsOn = (metric: string) =>
    resourcesOf('AWS::CloudWatch::Alarm')
      .map(([, { Properties }]) => Properties)
      .filter(
        (alarm) => alarm.MetricName === metric && JSON.stringify(alarm.Dimensions).includes(`"${logicalId}"`),
      );

  test('refuses plain HTTP', () => {
    expect(policyOf('AWS::SQS::QueuePolicy', 'Queues', logicalId)).toEqual(plainHttpRefused);
  });

  if (redrive) {
    test('raises an alarm when a message waits too long, at which somebody is told', () => {
      expect(alarmsOn('ApproximateAgeOfOldestMessage')).toMatchObject([
        { Threshold: 3600, AlarmActions: [expect.anything()] },
      ]);
    });
  } else {
    test('raises an alarm at its first dead letter, at which somebody is told', () => {
      expect(alarmsOn('ApproximateNumberOfMessagesVisible')).toMatchObject([
        { Threshold: 1, Statistic: 'Maximum', AlarmActions: [expect.anything()] },
      ]);
    });
  }
});

describe('the network', () => {
  const types = (type: string) => resourcesOf(type).map(([id]) => id);

  test('has no way in or out', () => {
    expect(types('AWS::EC2::NatGateway')).toEqual([]);
    expect(types('AWS::EC2::InternetGateway')).toEqual([]);
    expect(types('AWS::EC2::Route')).toEqual([]);
    const isPublic = (subnet: Resource) => subnet.Properties.MapPublicIpOnLaunch === true;
    expect(resourcesOf('AWS::EC2::Subnet').filter(([, subnet]) => isPublic(subnet))).toEqual([]);
  });

  test('holds the database only: functions run outside it', () => {
    const inside = resourcesOf('AWS::Lambda::Function').filter(([, { Properties }]) => Properties.VpcConfig);
    expect(inside.map(([id]) => id)).toEqual([]);
  });

  test('admits nobody to the database', () => {
    expect(types('AWS::EC2::SecurityGroupIngress')).toEqual([]);
    const groups = resourcesOf('AWS::EC2::SecurityGroup').map(([, { Properties }]) => Properties);
    expect(groups.filter((group) => group.SecurityGroupIngress)).toEqual([]);
  });
});

describe('the database', () => {
  const [cluster] = resourcesOf('AWS::RDS::DBCluster').map(([, resource]) => resource);

  test('sleeps when nobody needs it, and is reached by the Data API', () => {
    expect(cluster?.Properties).toMatchObject({
      Engine: 'aurora-postgresql',
      EngineVersion: '17.9',
      EnableHttpEndpoint: true,
      ServerlessV2ScalingConfiguration: { MinCapacity: 0, SecondsUntilAutoPause: 600 },
    });
  });

  test('is encrypted and backed up', () => {
    expect(cluster?.Properties).toMatchObject({ StorageEncrypted: true, BackupRetentionPeriod: 14 });
  });
});

test('the access log holds no path, which a download’s token is part of', () => {
  const [stage] = resourcesOf('AWS::ApiGatewayV2::Stage').map(([, { Properties }]) => Properties);
  const format = JSON.stringify(stage?.AccessLogSettings);
  expect(format).toContain('$context.routeKey');
  expect(format).not.toMatch(/\$context\.(path|http\.path|protocol)/);
});

test.each([
  ['what reconcile finds to be impossible', 'Reconcile', 'inconsistent', 'Inconsistent'],
  ['a payment without its order', 'SweepPayments', 'paid without order', 'PaidWithoutOrder'],
])('%s raises an alarm', (_what, step, message, metric) => {
  const filter = resourcesOf('AWS::Logs::MetricFilter')
    .map(([, { Properties }]) => Properties)
    .find(({ FilterPattern }) => String(FilterPattern).includes(message));
  expect(filter).toMatchObject({
    FilterPattern: `{ $.message = "${message}" }`,
    MetricTransformations: [
      { MetricNamespace: 'RestoreClick-production', MetricName: metric, MetricValue: '1' },
    ],
  });
  expect(JSON.stringify(filter?.LogGroupName)).toContain(step);
  const alarms = resourcesOf('AWS::CloudWatch::Alarm').filter(
    ([, { Properties }]) => Properties.MetricName === metric,
  );
  expect(alarms).toMatchObject([
    [
      expect.anything(),
      { Properties: { Namespace: 'RestoreClick-production', Statistic: 'Sum', Threshold: 1 } },
    ],
  ]);
});

test('every alarm tells somebody, also when it is over', () => {
  const silent = resourcesOf('AWS::CloudWatch::Alarm').filter(
    ([, { Properties }]) => !Properties.AlarmActions || !Properties.OKActions,
  );
  expect(silent.map(([id]) => id)).toEqual([]);
});

test('logs are forgotten after a while', () => {
  const kept = resourcesOf('AWS::Logs::LogGroup').filter(([, { Properties }]) => !Properties.RetentionInDays);
  expect(kept.map(([id]) => id)).toEqual([]);
});
