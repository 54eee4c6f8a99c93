/** Policies are judged as IAM judges them. */
import { describe, expect, test } from '@jest/globals';
import { createIam } from '../gateway/index.ts';
import type { PolicyStatement } from '../template/index.ts';

const statement = (given: Partial<PolicyStatement>): PolicyStatement => ({
  effect: 'Allow',
  actions: ['s3:GetObject'],
  resources: ['arn:aws:s3:::temp/*'],
  conditions: {},
  ...given,
});
const iamWith = (...statements: PolicyStatement[]) =>
  createIam({ policies: new Map([['place-order', statements]]), account: '000000000000' });
const mayGet = (statements: PolicyStatement[], context = {}, resource = 'arn:aws:s3:::temp/a/b.png') =>
  iamWith(...statements).isAllowed('place-order', 's3:GetObject', resource, context);

describe('actions and resources', () => {
  test('match with wildcards, actions in any case', () => {
    expect(mayGet([statement({ actions: ['S3:get*'] })])).toBe(true);
    expect(mayGet([statement({ actions: ['s3:Get?bject'] })])).toBe(true);
    expect(mayGet([statement({ actions: ['s3:Get?Object'] })])).toBe(false);
    expect(mayGet([statement({ actions: ['*'] })])).toBe(true);
    expect(mayGet([statement({ resources: ['arn:aws:s3:::temp'] })])).toBe(false);
  });

  test('resources keep their case, and what looks like a pattern is text', () => {
    expect(mayGet([statement({ resources: ['arn:aws:s3:::TEMP/*'] })])).toBe(false);
    expect(mayGet([statement({ resources: ['arn:aws:s3:::t.mp/*'] })])).toBe(false);
    expect(mayGet([statement({ resources: ['arn:aws:s3:::temp/(*'] })], {}, 'arn:aws:s3:::temp/(1)')).toBe(
      true,
    );
  });

  test('an explicit Deny wins over any Allow', () => {
    const deny = statement({ effect: 'Deny', resources: ['arn:aws:s3:::temp/a/*'] });
    expect(mayGet([statement({}), deny])).toBe(false);
    expect(mayGet([statement({}), deny], {}, 'arn:aws:s3:::temp/b')).toBe(true);
  });

  test('a caller without a policy may do nothing, the operator everything', () => {
    const iam = iamWith(statement({}));
    expect(iam.isAllowed('someone', 's3:GetObject', 'arn:aws:s3:::temp/a')).toBe(false);
    expect(iam.isAllowed('operator', 's3:DeleteBucket', 'arn:aws:s3:::temp')).toBe(true);
  });
});

describe('conditions', () => {
  const on = (operator: string, key: string, ...values: string[]) => [
    statement({ conditions: { [operator]: { [key]: values } } }),
  ];
  test.each<[string, string[], string, boolean]>([
    ['StringEquals', ['checkout', 'upload'], 'upload', true],
    ['StringEquals', ['checkout'], 'Checkout', false],
    ['StringEqualsIgnoreCase', ['checkout'], 'Checkout', true],
    ['StringNotEquals', ['checkout'], 'upload', true],
    ['StringNotEquals', ['checkout', 'upload'], 'upload', false],
    ['StringLike', ['uploads/*'], 'uploads/temp/1', true],
    ['StringNotLike', ['uploads/*'], 'uploads/temp/1', false],
  ])('%s %j of %s is %s', (operator, wanted, value, held) => {
    expect(mayGet(on(operator, 'the:key', ...wanted), { 'The:Key': value })).toBe(held);
  });

  test('a missing key denies, unless the operator ends in IfExists', () => {
    expect(mayGet(on('StringEquals', 'k', 'v'))).toBe(false);
    expect(mayGet(on('StringNotEquals', 'k', 'v'))).toBe(false);
    expect(mayGet(on('StringEqualsIfExists', 'k', 'v'))).toBe(true);
    expect(mayGet(on('StringEqualsIfExists', 'k', 'v'), { k: 'w' })).toBe(false);
  });

  test('an unknown operator denies in an Allow, and still denies in a Deny', () => {
    for (const operator of ['DateLessThan', 'NumericEquals', 'ArnLike', 'Bool', 'StringSounds'])
      expect(mayGet(on(operator, 'k', 'v'), { k: 'v' })).toBe(false);
    const deny = statement({ effect: 'Deny', conditions: { DateLessThan: { k: ['v'] } } });
    expect(mayGet([statement({}), deny], { k: 'v' })).toBe(false);
  });

  test('all conditions of a statement must hold', () => {
    const both = statement({ conditions: { StringEquals: { a: ['1'], b: ['2'] } } });
    expect(mayGet([both], { a: '1', b: '2' })).toBe(true);
    expect(mayGet([both], { a: '1', b: '3' })).toBe(false);
  });
});

test("a refusal reads like AWS's", () => {
  const iam = iamWith(statement({}));
  expect(() => iam.authorize('place-order', 'sqs:SendMessage', 'arn:aws:sqs:us-east-1:1:jobs')).toThrow(
    'User: arn:aws:sts::000000000000:assumed-role/place-order is not authorized to perform: sqs:SendMessage on resource: arn:aws:sqs:us-east-1:1:jobs because no identity-based policy allows the sqs:SendMessage action',
  );
  expect(() => iam.authorize('place-order', 's3:GetObject', 'arn:aws:s3:::temp/a')).not.toThrow();
});
