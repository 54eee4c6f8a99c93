/** Operations: the daily look for what got stuck or must never be, and the answer to no route. */
import { Duration, Stack } from 'aws-cdk-lib';
import { Rule, Schedule } from 'aws-cdk-lib/aws-events';
import { LambdaFunction } from 'aws-cdk-lib/aws-events-targets';
import { FilterPattern } from 'aws-cdk-lib/aws-logs';
import { Construct } from 'constructs';
import { alarm } from './alarm.ts';
import { ApiStep } from './api-step.ts';
import { FlowStep } from './flow-step.ts';
import type { Platform } from './platform.ts';
import type { QueueStep } from './queue-step.ts';

export class Operations extends Construct {
  /** @param stuck the steps whose messages reconcile may send again */
  constructor(scope: Construct, id: string, platform: Platform, stuck: QueueStep[]) {
    super(scope, id);
    const { api, database } = platform;
    const reconcile = new FlowStep(this, 'Reconcile', platform, {
      step: 'operations/reconcile',
      description: 'finds and pushes on what got stuck',
      timeout: Duration.minutes(10),
      access: [database.statements, ...stuck.map(({ sending }) => sending)],
      reads: ['AUDIT_DAYS'],
    });
    this.alarmAtFaults(reconcile);
    // Daily: anything that asks the database more often than hourly keeps it from pausing.
    new Rule(this, 'Daily', {
      schedule: Schedule.rate(Duration.days(1)),
      targets: [new LambdaFunction(reconcile.lambda)],
    });
    new ApiStep(this, 'NotFound', platform, {
      step: 'operations/not-found',
      description: 'problem details for unknown routes',
      route: '$default',
      open: 'It says that there is nothing here, to anyone.',
      timeout: Duration.seconds(5),
      memory: 128,
      access: [api.routes],
    });
  }

  /** Reconcile writes a line for each fault that it finds in the data. */
  private alarmAtFaults({ step, lambda }: FlowStep): void {
    const faults = lambda.logGroup.addMetricFilter('Faults', {
      metricNamespace: Stack.of(this).stackName,
      metricName: 'Inconsistent',
      filterPattern: FilterPattern.stringValue('$.message', '=', 'inconsistent'),
    });
    alarm(this, 'FaultsAlarm', {
      metric: faults.metric({ statistic: 'Sum' }),
      threshold: 1,
      description: `${step}: what must never be is in the database`,
      runbook: 'operations-reconcile',
    });
  }
}
