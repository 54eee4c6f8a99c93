/**
 * What stays when a stack is deleted, and what a first deploy that fails leaves in the next one's
 * way.
 */
import { afterAll, describe, expect, test } from '@jest/globals';
import { type Resource, type Synthesized, synthesizeStack } from './synthesized.ts';

const production = synthesizeStack();
const staging = synthesizeStack('staging');
afterAll(() => [production, staging].forEach((stack) => void stack.remove()));

type Kept = Resource & { DeletionPolicy?: string; UpdateReplacePolicy?: string; DependsOn?: string[] };

/** Logical ids that a value refers to. */
function references(value: unknown): string[] {
  if (Array.isArray(value)) return value.flatMap(references);
  if (typeof value !== 'object' || value === null) return [];
  return Object.entries(value).flatMap(([key, inner]) => {
    if (key === 'Ref') return [String(inner)];
    return key === 'Fn::GetAtt' ? [String((inner as string[])[0])] : references(inner);
  });
}

/** Everything that resources of these types refer to, and what that refers to in turn. */
function allUnder(stack: Synthesized, types: string[]): string[] {
  const resources = new Map(stack.resources());
  const found = new Set<string>();
  const open = types.flatMap((type) => stack.resourcesOf(type).map(([id]) => id));
  for (let id = open.pop(); id !== undefined; id = open.pop()) {
    const resource = resources.get(id);
    if (!resource || found.has(id)) continue;
    found.add(id);
    open.push(...references(resource.Properties));
  }
  return [...found];
}

const data = [
  'AWS::RDS::DBInstance',
  'AWS::RDS::DBCluster',
  'AWS::S3::Bucket',
  'AWS::SecretsManager::Secret',
  'AWS::SecretsManager::SecretTargetAttachment',
];
/** Of which data need nothing to be there, but which hold to what they need. */
const attached = ['AWS::EC2::SubnetRouteTableAssociation', 'AWS::S3::BucketPolicy', 'AWS::Logs::LogGroup'];

describe('deleting production', () => {
  const resources = new Map<string, Kept>(production.resources());
  const kept = [...resources].filter(([, { DeletionPolicy }]) => DeletionPolicy?.startsWith('Retain'));

  test.each(allUnder(production, [...data, ...attached.slice(0, 2)]))('keeps %s', (id) => {
    expect(resources.get(id)).toMatchObject({
      DeletionPolicy: 'RetainExceptOnCreate',
      UpdateReplacePolicy: 'Retain',
    });
  });

  test('keeps the network, the database, the photos, the secrets and the steps’ logs, and nothing else', () => {
    expect([...new Set(kept.map(([, { Type }]) => Type))].sort()).toEqual(
      [
        ...['AWS::EC2::RouteTable', 'AWS::EC2::SecurityGroup', 'AWS::EC2::Subnet', 'AWS::EC2::VPC'],
        ...['AWS::RDS::DBSubnetGroup', ...data, ...attached],
      ].sort(),
    );
  });

  test('keeps nothing of a first deploy that failed', () => {
    expect(new Set(kept.map(([, { DeletionPolicy }]) => DeletionPolicy))).toEqual(
      new Set(['RetainExceptOnCreate']),
    );
    const [[, cluster] = []] = production.resourcesOf('AWS::RDS::DBCluster');
    // RDS would refuse to delete it.
    expect(cluster?.Properties.DeletionProtection).not.toBe(true);
  });

  test('is refused by the database, once all else has been deployed', () => {
    const [[, protection] = []] = production.resourcesOf('Custom::AWS');
    const call = JSON.stringify(protection?.Properties.Update);
    expect(call).toContain('modifyDBCluster');
    expect(call).toContain('\\"DeletionProtection\\":true');
    expect(protection?.Properties.Delete).toBeUndefined();
    const steps = production.model.functions.map(({ logicalId }) => logicalId);
    const before = steps.filter((id) => !/^MigrationMigrate/.test(id));
    expect((protection as Kept).DependsOn).toEqual(expect.arrayContaining(before));
  });
});

describe('deleting staging', () => {
  const resources: [string, Kept][] = staging.resources();

  test('keeps nothing, and makes no snapshot', () => {
    const left = resources.filter(([, { DeletionPolicy = 'Delete' }]) => DeletionPolicy !== 'Delete');
    expect(left.map(([id]) => id)).toEqual([]);
    const databases = resources.filter(([, { Type }]) => /^AWS::RDS::DB(Cluster|Instance)$/.test(Type));
    expect(databases.map(([, { DeletionPolicy }]) => DeletionPolicy)).toEqual(['Delete', 'Delete']);
    expect(staging.resourcesOf('Custom::AWS')).toEqual([]);
  });

  test('empties every bucket first', () => {
    const emptied = staging.resourcesOf('Custom::S3AutoDeleteObjects');
    const buckets = staging.resourcesOf('AWS::S3::Bucket').map(([id]) => ({ Ref: id }));
    expect(emptied.map(([, { Properties }]) => Properties.BucketName)).toEqual(buckets);
    expect(production.resourcesOf('Custom::S3AutoDeleteObjects')).toEqual([]);
  });

  test.each(staging.resourcesOf('AWS::Lambda::Function'))(
    'leaves no log behind of %s',
    (_id, { Properties }) => {
      const [group = 'none'] = references(Properties.LoggingConfig);
      expect(new Map(resources).get(group)?.Type).toBe('AWS::Logs::LogGroup');
    },
  );
});
