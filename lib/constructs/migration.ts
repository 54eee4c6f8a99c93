/** Brings the database up to date on every deployment, before any other step's new code runs. */
import { Duration } from 'aws-cdk-lib';
import { Trigger } from 'aws-cdk-lib/triggers';
import { Construct } from 'constructs';
import { FlowStep } from './flow-step.ts';
import type { Platform } from './platform.ts';

export class Migration extends Construct {
  private readonly trigger: Trigger;

  constructor(scope: Construct, id: string, platform: Platform) {
    super(scope, id);
    const timeout = Duration.minutes(10);
    const migrate = new FlowStep(this, 'Migrate', platform, {
      step: 'operations/migrate',
      description: 'applies the migrations that lie beside it',
      timeout,
      access: [platform.database.administration],
    });
    // The bundle holds the migrations: a new one makes a new version, which runs again.
    this.trigger = new Trigger(this, 'Trigger', {
      handler: migrate.lambda,
      timeout,
      executeAfter: [platform.database],
    });
  }

  /** A migration that fails stops the deployment before it has changed these. */
  before(...constructs: Construct[]): void {
    this.trigger.executeBefore(...constructs);
  }
}
