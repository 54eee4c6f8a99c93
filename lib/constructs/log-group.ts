/** Logs: kept for a while, and longer than the stack where the data are. */
import { CfnResource, RemovalPolicy } from 'aws-cdk-lib';
import { CfnFunction } from 'aws-cdk-lib/aws-lambda';
import { LogGroup } from 'aws-cdk-lib/aws-logs';
import type { Construct, IConstruct } from 'constructs';
import type { Settings } from '../settings.ts';
import { removalPolicy } from './removal.ts';

export function logGroup(scope: Construct, settings: Settings): LogGroup {
  return new LogGroup(scope, 'Logs', {
    retention: settings.logDays,
    removalPolicy: removalPolicy(settings),
  });
}

/**
 * CDK's own functions below `scope` would otherwise leave logs behind that nothing ever deletes.
 */
export function logGroupsOfHelpers(scope: IConstruct, { logDays }: Settings): void {
  for (const found of scope.node.findAll()) {
    if (!CfnResource.isCfnResource(found) || found.cfnResourceType !== 'AWS::Lambda::Function') continue;
    if (found instanceof CfnFunction && found.loggingConfig) continue;
    const removal = RemovalPolicy.DESTROY;
    const { logGroupName } = new LogGroup(found, 'Logs', { retention: logDays, removalPolicy: removal });
    found.addPropertyOverride('LoggingConfig.LogGroup', logGroupName);
  }
}
