/** What becomes of data, and of all they hang on, when the stack is deleted. */
import { RemovalPolicies, RemovalPolicy } from 'aws-cdk-lib';
import type { IConstruct } from 'constructs';
import type { Settings } from '../settings.ts';

/** Kept in production, but for a first deploy that fails: its rollback takes all away again. */
export const removalPolicy = ({ keepData }: Settings): RemovalPolicy =>
  keepData ? RemovalPolicy.RETAIN_ON_UPDATE_OR_DELETE : RemovalPolicy.DESTROY;

/** Serve a deployment only. A policy that stayed would keep its role from being deleted. */
const helpers = ['AWS::IAM::Policy', 'Custom::S3BucketNotifications', 'Custom::S3AutoDeleteObjects'];

/** All below `scope` outlives the stack or goes with it, together. */
export function keepTogether(scope: IConstruct, settings: Settings): void {
  RemovalPolicies.of(scope).apply(removalPolicy(settings), { excludeResourceTypes: helpers });
}
