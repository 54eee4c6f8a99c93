/** A step that answers one route of the API. */
import { Duration } from 'aws-cdk-lib';
import type { Construct } from 'constructs';
import { FlowStep, type FlowStepProps } from './flow-step.ts';
import type { Platform } from './platform.ts';

export type ApiStepProps = FlowStepProps & {
  /** `POST /api/upload`, or `$default` for whatever has no route. */
  route: string;
  /** Why no authorizer stands before it. */
  open: string;
};

export class ApiStep extends FlowStep {
  constructor(scope: Construct, id: string, platform: Platform, { route, open, ...props }: ApiStepProps) {
    // API Gateway gives up after 30 seconds.
    super(scope, id, platform, { timeout: Duration.seconds(29), ...props });
    platform.api.route(route, this, open);
  }
}
