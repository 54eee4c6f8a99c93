/** Alarms: they rise at a threshold, keep still without data, and name what to do. */
import { Alarm, type IMetric, TreatMissingData } from 'aws-cdk-lib/aws-cloudwatch';
import type { Construct } from 'constructs';

export type AlarmProps = {
  metric: IMetric;
  /** The alarm rises at this value. */
  threshold: number;
  /** What has happened, as a sentence without its end. */
  description: string;
  /** Name of a file in docs/runbooks, without `.md`. */
  runbook: string;
};

export function alarm(scope: Construct, id: string, of: AlarmProps): Alarm {
  return new Alarm(scope, id, {
    metric: of.metric,
    alarmDescription: `${of.description}. Runbook: docs/runbooks/${of.runbook}.md`,
    threshold: of.threshold,
    evaluationPeriods: 1,
    treatMissingData: TreatMissingData.NOT_BREACHING,
  });
}
