/** The step that brings the database up to date on every deployment, before any other step's new code runs. */
import { Duration } from 'aws-cdk-lib';
import { Trigger } from 'aws-cdk-lib/triggers';
import { Construct } from 'constructs';
import { FlowStep } from './flow-step.ts';
import type { Platform } from './platform.ts';

export class Migration extends Construct {
  private readonly trigger: Trigger;

  constructor(scope: Construct, id: string, ground: Platform) {
    super(scope, id);
    const { database } = ground;
    const timeout = Duration.minutes(10);
    const migrate = new FlowStep(this, 'Migrate', {
      ground,
      step: 'operations/migrate',
      description: 'applies the migrations that lie beside it',
      timeout,
      access: [database.administration],
    });
    // The migrations are part of the bundle: a new one is a new version of the function, and so runs it again.
    this.trigger = new Trigger(this, 'Trigger', {
      handler: migrate.lambda,
      timeout,
      executeAfter: [database],
    });
  }

  /** A migration that fails stops the deployment before it has changed these. */
  before(...constructs: Construct[]): void {
    this.trigger.executeBefore(...constructs);
  }
}
