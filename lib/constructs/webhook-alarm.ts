/** Alarms when a provider's webhooks are refused and none is accepted: then the secret is wrong. */
import { Duration, Stack } from 'aws-cdk-lib';
import { MathExpression } from 'aws-cdk-lib/aws-cloudwatch';
import { FilterPattern } from 'aws-cdk-lib/aws-logs';
import { alarm } from './alarm.ts';
import type { FlowStep } from './flow-step.ts';

/**
 * The step logs `webhook refused` and `webhook accepted`. Anybody can send a bad one: that alone is
 * no alarm. A provider that is refused sends again within the hour.
 * @param provider its name in the metrics and the alarm
 */
export function alarmAtRefusedWebhooks(step: FlowStep, provider: string): void {
  const count = (outcome: 'Refused' | 'Accepted') =>
    step.lambda.logGroup
      .addMetricFilter(outcome, {
        metricNamespace: Stack.of(step).stackName,
        metricName: `${provider}Webhooks${outcome}`,
        filterPattern: FilterPattern.stringValue('$.message', '=', `webhook ${outcome.toLowerCase()}`),
        // Any line of the log makes a value of both, so that they can be compared.
        defaultValue: 0,
      })
      .metric({ statistic: 'Sum' });
  alarm(step, 'RefusedAlarm', {
    metric: new MathExpression({
      expression: 'IF(accepted < 1, refused, 0)',
      usingMetrics: { refused: count('Refused'), accepted: count('Accepted') },
      period: Duration.hours(1),
    }),
    threshold: 1,
    description: `${provider}’s webhooks were refused for an hour and none was accepted`,
    runbook: 'webhook-refused',
  });
}
