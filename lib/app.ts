/** The CDK app, made and synthesized in process. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { App, Validations } from 'aws-cdk-lib';
import { AwsSolutionsChecks } from 'cdk-nag';
import { RestoreClickStack } from './restoreclick-stack.ts';
import { type Settings, settingsFor } from './settings.ts';

const projectFolder = join(import.meta.dirname, '..');

const { version }: { version: string } = JSON.parse(
  readFileSync(join(projectFolder, 'package.json'), 'utf8'),
);

/** Behaviours of CDK that are newer than its defaults. */
const featureFlags = {
  '@aws-cdk/aws-iam:minimizePolicies': true,
  '@aws-cdk/aws-lambda:createNewPoliciesWithAddToRolePolicy': false,
  '@aws-cdk/core:checkSecretUsage': true,
  '@aws-cdk/core:target-partitions': ['aws'],
};

export type Synthesis = {
  /** Where the assembly goes; by default where the CDK command line asks for it, else `cdk.out`. */
  outdir?: string;
  /** By default as the CDK's command line says (`-c environment=staging`), else production. */
  environment?: string;
  /** What differs from the environment's settings; by default the command line's alarmEmail. */
  changed?: Partial<Settings>;
  /** The folder of the steps' bundles. */
  bundles?: string;
  /** Leaves out CDK's own look at the template, most of the time it takes; cdk-nag stays. */
  fast?: boolean;
};

/**
 * Writes the cloud assembly of one stack, `RestoreClick-<environment>`. Needs no AWS credentials.
 * @returns the folder of the assembly
 * @throws Error when a bundle or production's alarmEmail is missing, and for cdk-nag's findings
 */
export function synthesize({
  outdir = process.env.CDK_OUTDIR ?? join(projectFolder, 'cdk.out'),
  environment,
  changed,
  bundles = join(projectFolder, 'dist', 'lambdas'),
  fast = false,
}: Synthesis = {}): string {
  const app = new App({
    outdir,
    context: featureFlags,
    analyticsReporting: false,
    treeMetadata: false,
    builtinCloudFormationValidation: !fast,
  });
  Validations.of(app).addPlugins(new AwsSolutionsChecks(app));
  const given = (name: string): string | undefined => app.node.tryGetContext(name);
  const alarmEmail = given('alarmEmail');
  const settings = settingsFor(
    environment ?? given('environment') ?? 'production',
    changed ?? (alarmEmail ? { alarmEmail } : {}),
  );
  new RestoreClickStack(app, { settings, bundles, version });
  return app.synth().directory;
}
