/** One step of a flow: one Lambda from one bundle, with a role that may do what the step needs, and nothing else. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { type Duration, RemovalPolicy, Validations } from 'aws-cdk-lib';
import { PolicyStatement, Role, ServicePrincipal } from 'aws-cdk-lib/aws-iam';
import { Architecture, Code, Function as LambdaFunction, Runtime } from 'aws-cdk-lib/aws-lambda';
import { LogGroup } from 'aws-cdk-lib/aws-logs';
import { Construct } from 'constructs';
import type { Settings } from '../settings.ts';
import { type Variable, variables } from './variables.ts';

/** A permission and the variables that say where to use it: given together, so that neither is forgotten. */
export type Access = {
  environment: Record<string, string>;
  statements: { actions: string[]; resources: string[] }[];
  /** cdk-nag findings that this access brings, each with the reason why it stays. */
  acknowledged?: { id: string; reason: string }[];
};

/** What every step stands on. */
export type Ground = {
  settings: Settings;
  /** The folder with one bundle a step: `<bundles>/<flow>/<step>/index.mjs`. */
  bundles: string;
  version: string;
};

export type FlowStepProps = {
  ground: Ground;
  /** Flow and step, as their folder is named: `payment/place-order`. */
  step: string;
  description: string;
  timeout: Duration;
  /** Megabytes; CPU grows with it. */
  memory?: number;
  access?: Access[];
  /** The settings that this step reads. */
  reads?: Variable[];
};

export class FlowStep extends Construct {
  readonly step: string;
  readonly lambda: LambdaFunction;

  constructor(scope: Construct, id: string, props: FlowStepProps) {
    super(scope, id);
    this.step = props.step;
    const { settings, bundles, version } = props.ground;
    const logGroup = new LogGroup(this, 'Logs', {
      retention: settings.logDays,
      removalPolicy: settings.keepData ? RemovalPolicy.RETAIN : RemovalPolicy.DESTROY,
    });
    const role = new Role(this, 'Role', { assumedBy: new ServicePrincipal('lambda.amazonaws.com') });
    logGroup.grantWrite(role);
    this.lambda = new LambdaFunction(this, 'Function', {
      description: `${props.step}: ${props.description}`,
      runtime: Runtime.NODEJS_24_X,
      architecture: Architecture.ARM_64,
      code: Code.fromAsset(bundleOf(bundles, props.step)),
      handler: 'index.handler',
      timeout: props.timeout,
      memorySize: props.memory ?? 512,
      role,
      logGroup,
      environment: { NODE_OPTIONS: '--enable-source-maps', SERVICE_VERSION: version },
    });
    const values = variables(settings);
    for (const name of props.reads ?? []) this.lambda.addEnvironment(name, values[name]);
    for (const access of props.access ?? []) this.allow(access);
  }

  /** Grants the access and tells the step where to use it. */
  allow(access: Access): void {
    for (const [name, value] of Object.entries(access.environment)) this.lambda.addEnvironment(name, value);
    for (const statement of access.statements) this.lambda.addToRolePolicy(new PolicyStatement(statement));
    if (access.acknowledged) Validations.of(this).acknowledge(...access.acknowledged);
  }
}

function bundleOf(bundles: string, step: string): string {
  const folder = join(bundles, step);
  if (!existsSync(folder)) {
    throw new Error(
      `No bundle of ${step} in ${folder}: write lambdas/${step}/handler.ts and run "npm run build".`,
    );
  }
  return folder;
}
