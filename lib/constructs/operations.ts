/** Operations: the daily look for what no event announces and what must never be, and the answer to routes that do not exist. */
import { Duration } from 'aws-cdk-lib';
import { TreatMissingData } from 'aws-cdk-lib/aws-cloudwatch';
import { Rule, Schedule } from 'aws-cdk-lib/aws-events';
import { LambdaFunction } from 'aws-cdk-lib/aws-events-targets';
import { FilterPattern } from 'aws-cdk-lib/aws-logs';
import { Construct } from 'constructs';
import { FlowStep } from './flow-step.ts';
import type { Platform } from './platform.ts';
import type { WorkQueue } from './work-queue.ts';

export class Operations extends Construct {
  /** @param queues those that reconcile may send to, to push on what got stuck */
  constructor(scope: Construct, id: string, ground: Platform, queues: WorkQueue[]) {
    super(scope, id);
    const { api, database } = ground;
    const reconcile = new FlowStep(this, 'Reconcile', {
      ground,
      step: 'operations/reconcile',
      description: 'finds and pushes on what got stuck',
      timeout: Duration.minutes(10),
      access: [database.statements, ...queues.map((queue) => queue.sending)],
      reads: ['AUDIT_DAYS'],
    });
    this.alarmAtFaults(reconcile);
    // Daily: anything that asks the database more often than hourly keeps it from pausing.
    new Rule(this, 'Daily', {
      schedule: Schedule.rate(Duration.days(1)),
      targets: [new LambdaFunction(reconcile.lambda)],
    });
    const notFound = new FlowStep(this, 'NotFound', {
      ground,
      step: 'operations/not-found',
      description: 'problem details for unknown routes',
      timeout: Duration.seconds(5),
      memory: 128,
      access: [api.routes],
    });
    api.route('$default', notFound, 'It says that there is nothing here, to anyone.');
  }

  /** Reconcile writes a line for each fault that it finds in the data. */
  private alarmAtFaults({ step, lambda }: FlowStep): void {
    const faults = lambda.logGroup.addMetricFilter('Faults', {
      metricNamespace: 'RestoreClick',
      metricName: 'Inconsistent',
      filterPattern: FilterPattern.stringValue('$.message', '=', 'inconsistent'),
    });
    faults.metric({ statistic: 'Sum' }).createAlarm(this, 'FaultsAlarm', {
      alarmDescription: `${step}: what must never be is in the database. Runbook: docs/runbooks/operations-reconcile.md`,
      threshold: 1,
      evaluationPeriods: 1,
      treatMissingData: TreatMissingData.NOT_BREACHING,
    });
  }
}
