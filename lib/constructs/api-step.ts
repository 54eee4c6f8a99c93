/** A step that answers one route of the API. */
import { Duration } from 'aws-cdk-lib';
import type { Construct } from 'constructs';
import type { RouteProps } from './api.ts';
import { FlowStep, type FlowStepProps } from './flow-step.ts';
import type { Platform } from './platform.ts';

export type ApiStepProps = FlowStepProps & RouteProps;

export class ApiStep extends FlowStep {
  constructor(scope: Construct, id: string, platform: Platform, props: ApiStepProps) {
    // API Gateway gives up after 30 seconds.
    super(scope, id, platform, { timeout: Duration.seconds(29), ...props });
    platform.api.route(this, props);
  }
}
