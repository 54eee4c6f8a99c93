/** Logs: kept for a while, and longer than the stack where the data are. */
import { RemovalPolicy } from 'aws-cdk-lib';
import { LogGroup } from 'aws-cdk-lib/aws-logs';
import type { Construct } from 'constructs';
import type { Settings } from '../settings.ts';

export function logGroup(scope: Construct, { logDays, keepData }: Settings): LogGroup {
  return new LogGroup(scope, 'Logs', {
    retention: logDays,
    removalPolicy: keepData ? RemovalPolicy.RETAIN : RemovalPolicy.DESTROY,
  });
}
