/** An alarm reaches somebody: from its metric to the mailbox, every hand-over is allowed. */
import { afterAll, describe, expect, test } from '@jest/globals';
import { settingsFor } from '../../lib/settings.ts';
import { type Resource, synthesizeStack } from './synthesized.ts';

const stack = synthesizeStack();
afterAll(stack.remove);
const { resourcesOf } = stack;

type Statement = {
  Effect: string;
  Principal: '*' | { Service: string | string[] };
  Action: string | string[];
  Condition?: Record<string, Record<string, unknown>>;
};

/**
 * Whether the policies of the topic let this service publish to it, for this account and by TLS.
 */
function mayPublish(service: string, topic: string): boolean {
  const statements = resourcesOf('AWS::SNS::TopicPolicy')
    .filter(([, { Properties }]) => JSON.stringify(Properties.Topics) === JSON.stringify([{ Ref: topic }]))
    .flatMap(([, { Properties }]) => (Properties.PolicyDocument as { Statement: Statement[] }).Statement);
  const context: Record<string, unknown> = {
    'aws:SecureTransport': 'true',
    'aws:SourceAccount': { Ref: 'AWS::AccountId' },
  };
  const applies = ({ Principal, Action, Condition = {} }: Statement) =>
    (Principal === '*' || [Principal.Service].flat().includes(service)) &&
    [Action].flat().includes('sns:Publish') &&
    Object.values(Condition)
      .flatMap((keys) => Object.entries(keys))
      .every(([key, wanted]) => JSON.stringify(context[key]) === JSON.stringify(wanted));
  const about = statements.filter(applies);
  return about.some(({ Effect }) => Effect === 'Allow') && about.every(({ Effect }) => Effect === 'Allow');
}

const topicOf = (action: unknown) => (action as { Ref: string }).Ref;
const mailboxesOf = (topic: string) =>
  resourcesOf('AWS::SNS::Subscription')
    .map(([, { Properties }]) => Properties)
    .filter(({ TopicArn, Protocol }) => topicOf(TopicArn) === topic && Protocol === 'email')
    .map(({ Endpoint }) => Endpoint);

const alarms = resourcesOf('AWS::CloudWatch::Alarm');

describe.each(alarms)('the alarm %s', (_id, { Properties }: Resource) => {
  test.each(['AlarmActions', 'OKActions'])('by its %s reaches a mailbox', (member) => {
    const topics = (Properties[member] as unknown[]).map(topicOf);
    expect(topics.filter((topic) => mayPublish('cloudwatch.amazonaws.com', topic))).toEqual(topics);
    expect(topics.flatMap(mailboxesOf)).toEqual(['alarms@example.com']);
  });
});

test('the topic is closed to plain HTTP and to other accounts', () => {
  const [document] = resourcesOf('AWS::SNS::TopicPolicy').map(
    ([, { Properties }]) => Properties.PolicyDocument as { Statement: Statement[] },
  );
  const allowing = document?.Statement.filter(({ Effect }) => Effect === 'Allow') ?? [];
  for (const { Condition } of allowing)
    expect(Condition).toEqual({ StringEquals: { 'aws:SourceAccount': { Ref: 'AWS::AccountId' } } });
  expect(document?.Statement).toContainEqual(
    expect.objectContaining({
      Effect: 'Deny',
      Condition: { Bool: { 'aws:SecureTransport': 'false' } },
    }),
  );
});

describe('the month’s cost', () => {
  const [budget] = resourcesOf('AWS::Budgets::Budget').map(([, { Properties }]) => Properties);

  test('is watched, and a mailbox hears when it is spent or will be', () => {
    expect(budget).toMatchObject({
      Budget: { TimeUnit: 'MONTHLY', BudgetLimit: { Amount: 300, Unit: 'USD' } },
    });
    const heard = budget?.NotificationsWithSubscribers as {
      Notification: { NotificationType: string };
      Subscribers: { Address: unknown }[];
    }[];
    expect(heard.map(({ Notification }) => Notification.NotificationType)).toEqual(['ACTUAL', 'FORECASTED']);
    const topics = heard.flatMap(({ Subscribers }) => Subscribers.map(({ Address }) => topicOf(Address)));
    expect(topics.filter((topic) => mayPublish('budgets.amazonaws.com', topic))).toEqual(topics);
    expect(topics.flatMap(mailboxesOf)).toHaveLength(2);
  });
});

describe('who hears alarms', () => {
  test('must be said of production, in a sentence that says how', () => {
    expect(() => settingsFor('production')).toThrow(/alarmEmail in lib\/settings\.ts, or add -c alarmEmail=/);
    expect(() => synthesizeStack('production', undefined, {})).toThrow(/Production needs somebody/);
  });

  test('may be nobody elsewhere', () => {
    expect(settingsFor('staging').alarmEmail).toBeUndefined();
    expect(settingsFor('local').monthlyBudgetUsd).toBe(0);
  });
});
