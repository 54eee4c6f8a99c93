/** One step of a flow: one Lambda of one bundle, in a role that may do what the step needs. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { Duration, Validations } from 'aws-cdk-lib';
import { PolicyStatement, Role, ServicePrincipal } from 'aws-cdk-lib/aws-iam';
import { Architecture, Code, Function as LambdaFunction, Runtime } from 'aws-cdk-lib/aws-lambda';
import { Construct } from 'constructs';
import type { Settings } from '../settings.ts';
import type { Access, AccessOf } from './access.ts';
import { logGroup } from './log-group.ts';
import { type Variable, variables } from './variables.ts';

/** What is deployed. */
export type Deployment = {
  settings: Settings;
  /** The folder with one bundle a step: `<bundles>/<flow>/<step>/index.mjs`. */
  bundles: string;
  version: string;
};

export type FlowStepProps = {
  /** Flow and step, as their folder is named: `payment/place-order`. */
  step: string;
  description: string;
  /** A minute by default. */
  timeout?: Duration;
  /** Megabytes; CPU grows with it. */
  memory?: number;
  /** How many run at once at most, kept free for this step. */
  reserved?: number;
  access?: (Access | AccessOf)[];
  /** The settings that this step reads. */
  reads?: Variable[];
};

export class FlowStep extends Construct {
  readonly step: string;
  readonly lambda: LambdaFunction;
  readonly timeout: Duration;

  constructor(scope: Construct, id: string, deployment: Deployment, props: FlowStepProps) {
    super(scope, id);
    const { settings, bundles, version } = deployment;
    this.step = props.step;
    this.timeout = props.timeout ?? Duration.minutes(1);
    const logs = logGroup(this, settings);
    const role = new Role(this, 'Role', { assumedBy: new ServicePrincipal('lambda.amazonaws.com') });
    logs.grantWrite(role);
    this.lambda = new LambdaFunction(this, 'Function', {
      description: `${props.step}: ${props.description}`,
      runtime: Runtime.NODEJS_24_X,
      architecture: Architecture.ARM_64,
      code: Code.fromAsset(bundleOf(bundles, props.step)),
      handler: 'index.handler',
      timeout: this.timeout,
      memorySize: props.memory ?? 512,
      ...(props.reserved && { reservedConcurrentExecutions: props.reserved }),
      role,
      logGroup: logs,
      environment: { NODE_OPTIONS: '--enable-source-maps', SERVICE_VERSION: version },
    });
    const values = variables(settings);
    for (const name of props.reads ?? []) this.lambda.addEnvironment(name, values[name]);
    this.allow(...(props.access ?? []));
  }

  /** Grants each access and tells the step where to use it. */
  allow(...accesses: (Access | AccessOf)[]): void {
    for (const given of accesses) {
      const access = typeof given === 'function' ? given(this.step) : given;
      const { environment, statements, acknowledged = [] } = access;
      for (const [name, value] of Object.entries(environment)) this.lambda.addEnvironment(name, value);
      for (const statement of statements) this.lambda.addToRolePolicy(new PolicyStatement(statement));
      Validations.of(this).acknowledge(...acknowledged);
    }
  }
}

function bundleOf(bundles: string, step: string): string {
  const folder = join(bundles, step);
  if (existsSync(folder)) return folder;
  throw new Error(
    `No bundle of ${step} in ${folder}: write lambdas/${step}/handler.ts and run "npm run build".`,
  );
}
