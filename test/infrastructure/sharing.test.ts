/** What one caller can take: each route has a share of its own, and the webhooks keep theirs. */
import { afterAll, describe, expect, test } from '@jest/globals';
import { nameOf, type Resource, steps, synthesizeStack } from './synthesized.ts';

const stack = synthesizeStack();
afterAll(stack.remove);
const { model, resourcesOf } = stack;

type Throttling = { ThrottlingRateLimit: number; ThrottlingBurstLimit: number };

const [stage] = resourcesOf('AWS::ApiGatewayV2::Stage').map(([, resource]) => resource);
const shares = stage?.Properties.RouteSettings as Record<string, Throttling>;

describe('routes', () => {
  test('are throttled apart, each of them', () => {
    expect(Object.keys(shares).sort()).toEqual(Object.keys(steps.routes).sort());
  });

  test.each(['POST /api/upload', 'POST /api/checkout', 'POST /api/orders/claim'])(
    '%s, which anybody may call and which costs, takes less than a webhook',
    (route) => {
      expect(shares[route]?.ThrottlingRateLimit).toBe(10);
      expect(shares['POST /api/webhooks/stripe']?.ThrottlingRateLimit).toBe(100);
    },
  );

  test('are made before the stage that speaks of them', () => {
    const { DependsOn = [] } = stage as Resource & { DependsOn?: string[] };
    const routes = resourcesOf('AWS::ApiGatewayV2::Route').map(([id]) => id);
    expect(DependsOn).toEqual(expect.arrayContaining(routes));
  });
});

test('functions are kept free for webhooks, and for nothing else', () => {
  const reserved = resourcesOf('AWS::Lambda::Function').filter(
    ([, { Properties }]) => Properties.ReservedConcurrentExecutions,
  );
  const names = reserved.map(([id]) => model.functions.find(({ logicalId }) => logicalId === id));
  expect(names.map((each) => each && nameOf(each)).sort()).toEqual([
    'email/receive-sendgrid-events',
    'payment/receive-stripe-event',
  ]);
});

describe.each(['Stripe', 'SendGrid'])('refused webhooks of %s', (provider) => {
  const filterOf = (outcome: string) =>
    resourcesOf('AWS::Logs::MetricFilter')
      .map(([, { Properties }]) => Properties)
      .find(({ MetricTransformations }) =>
        (MetricTransformations as { MetricName: string }[]).some(
          ({ MetricName }) => MetricName === `${provider}Webhooks${outcome}`,
        ),
      );

  test.each(['Refused', 'Accepted'])('are counted beside those that were accepted: %s', (outcome) => {
    const filter = filterOf(outcome);
    expect(filter).toMatchObject({
      FilterPattern: `{ $.message = "webhook ${outcome.toLowerCase()}" }`,
      MetricTransformations: [{ MetricValue: '1', DefaultValue: 0 }],
    });
    expect(JSON.stringify(filter?.LogGroupName)).toContain(`Receive${provider}Event`);
  });

  test('raise an alarm when none was accepted for an hour', () => {
    const alarm = resourcesOf('AWS::CloudWatch::Alarm')
      .map(([, { Properties }]) => Properties)
      .find(({ AlarmDescription }) => String(AlarmDescription).startsWith(`${provider}’s webhooks`));
    expect(alarm).toMatchObject({ Threshold: 1, AlarmActions: [expect.anything()] });
    expect(alarm?.Metrics).toEqual(
      expect.arrayContaining([
        expect.objectContaining({ Expression: 'IF(accepted < 1, refused, 0)' }),
        expect.objectContaining({
          Id: 'refused',
          MetricStat: expect.objectContaining({ Period: 3600, Stat: 'Sum' }),
        }),
      ]),
    );
  });
});
