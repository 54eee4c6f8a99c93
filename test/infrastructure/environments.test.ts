/** Environments do not get into each other's way, and each stays where it belongs. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from '@jest/globals';
import { environments } from '../../lib/settings.ts';
import { synthesizeStack } from './synthesized.ts';

const home = { account: '111122223333', region: 'eu-central-1', alarmEmail: 'alarms@example.com' };
const pinned = synthesizeStack('production', undefined, home);
const staging = synthesizeStack('staging');
const local = synthesizeStack('local');
afterAll(() => [pinned, staging, local].forEach((stack) => void stack.remove()));

type Artifact = { type: string; environment: string; properties: { terminationProtection?: boolean } };

function stacksOf({ folder }: { folder: string }): [string, Artifact][] {
  const manifest: { artifacts: Record<string, Artifact> } = JSON.parse(
    readFileSync(join(folder, 'manifest.json'), 'utf8'),
  );
  return Object.entries(manifest.artifacts).filter(([, { type }]) => type === 'aws:cloudformation:stack');
}

test('each environment has a stack of a name of its own', () => {
  const names = [pinned, staging, local].flatMap(stacksOf).map(([name]) => name);
  expect(names.sort()).toEqual(environments.map((name) => `RestoreClick-${name}`).sort());
});

test('each counts what it watches under its own name', () => {
  for (const [stack, name] of [
    [pinned, 'RestoreClick-production'],
    [staging, 'RestoreClick-staging'],
  ] as const) {
    const filters = stack.resourcesOf('AWS::Logs::MetricFilter').map(([, { Properties }]) => Properties);
    const namespaces = filters.flatMap(({ MetricTransformations }) =>
      (MetricTransformations as { MetricNamespace: string }[]).map(({ MetricNamespace }) => MetricNamespace),
    );
    expect(new Set(namespaces)).toEqual(new Set([name]));
  }
});

describe('an account and a region in the settings', () => {
  test('pin the stack: the CDK’s command line refuses any other', () => {
    const [[, stack] = []] = stacksOf(pinned);
    expect(stack?.environment).toBe('aws://111122223333/eu-central-1');
    const [[, anywhere] = []] = stacksOf(staging);
    expect(anywhere?.environment).toBe('aws://unknown-account/unknown-region');
  });

  test('need no look-up of zones, and so no credentials', () => {
    const manifest = JSON.parse(readFileSync(join(pinned.folder, 'manifest.json'), 'utf8'));
    expect(manifest.missing).toBeUndefined();
    const zones = pinned
      .resourcesOf('AWS::EC2::Subnet')
      .map(([, { Properties }]) => Properties.AvailabilityZone);
    expect(zones).toEqual([0, 1].map((index) => ({ 'Fn::Select': [index, { 'Fn::GetAZs': '' }] })));
  });
});

test('production cannot be deleted by mistake; staging can', () => {
  const [[, production] = []] = stacksOf(pinned);
  const [[, other] = []] = stacksOf(staging);
  expect(production?.properties.terminationProtection).toBe(true);
  expect(other?.properties.terminationProtection ?? false).toBe(false);
});
