/** Judges calls by the callers' IAM policies, and refuses them in AWS's words. */
import type { PolicyStatement } from '../template/index.ts';
import { operator } from './credentials.ts';
import { AwsError } from './service.ts';

/** Condition keys of one call: `{ 's3:prefix': 'uploads/' }`. */
export type ConditionContext = Record<string, string>;

export type Iam = {
  isAllowed(caller: string, action: string, resource: string, context?: ConditionContext): boolean;
  /** Throws `AccessDenied` unless the caller may do it. */
  authorize(caller: string, action: string, resource: string, context?: ConditionContext): void;
};

type Verdict = 'allowed' | 'explicit deny' | 'no allow';

/**
 * @param policies by caller; a caller without an entry may do nothing, `operator` everything
 * @param account the account id in the refusal's ARN
 */
export function createIam({
  policies,
  account,
}: {
  policies: Map<string, PolicyStatement[]>;
  account: string;
}): Iam {
  function judge(caller: string, action: string, resource: string, context: ConditionContext): Verdict {
    if (caller === operator.caller) return 'allowed';
    const about = (policies.get(caller) ?? []).filter(
      ({ actions, resources }) =>
        actions.some((pattern) => matches(pattern.toLowerCase(), action.toLowerCase())) &&
        resources.some((pattern) => matches(pattern, resource)),
    );
    const conditionsOf = (statement: PolicyStatement) => conditionResults(statement.conditions, context);
    // What cannot be judged counts against the caller: it allows nothing and lifts no Deny.
    if (about.some((s) => s.effect === 'Deny' && conditionsOf(s).every((held) => held !== false))) {
      return 'explicit deny';
    }
    return about.some((s) => s.effect === 'Allow' && conditionsOf(s).every((held) => held === true))
      ? 'allowed'
      : 'no allow';
  }
  return {
    isAllowed: (caller, action, resource, context = {}) =>
      judge(caller, action, resource, context) === 'allowed',
    authorize(caller, action, resource, context = {}) {
      const verdict = judge(caller, action, resource, context);
      if (verdict !== 'allowed') throw refusal({ caller, action, resource, verdict, account });
    },
  };
}

type Refused = { caller: string; action: string; resource: string; verdict: Verdict; account: string };

function refusal({ caller, action, resource, verdict, account }: Refused): AwsError {
  const reason =
    verdict === 'explicit deny'
      ? 'with an explicit deny in an identity-based policy'
      : `because no identity-based policy allows the ${action} action`;
  const user = `User: arn:aws:sts::${account}:assumed-role/${caller}`;
  const message = `${user} is not authorized to perform: ${action} on resource: ${resource} ${reason}`;
  return new AwsError('AccessDenied', message, 403);
}

/** Each condition: held, not held, or undefined where it cannot be judged. */
function conditionResults(
  conditions: PolicyStatement['conditions'],
  context: ConditionContext,
): (boolean | undefined)[] {
  const lowerCased = new Map(Object.entries(context).map(([key, value]) => [key.toLowerCase(), value]));
  return Object.entries(conditions).flatMap(([operatorName, keys]) =>
    Object.entries(keys).map(([key, wanted]) =>
      conditionHolds(operatorName, lowerCased.get(key.toLowerCase()), wanted),
    ),
  );
}

function conditionHolds(operatorName: string, value: string | undefined, wanted: string[]) {
  const [, negation, name = '', ifExists] = /^String(Not)?(\w+?)(IfExists)?$/.exec(operatorName) ?? [];
  const test = tests[name];
  if (!test) return undefined;
  if (value === undefined) return ifExists ? true : negation ? undefined : false;
  return wanted.some((each) => test(value, each)) === !negation;
}

/** The operators without `String` and `Not`. */
const tests: Record<string, (value: string, wanted: string) => boolean> = {
  Equals: (value, wanted) => value === wanted,
  EqualsIgnoreCase: (value, wanted) => value.toLowerCase() === wanted.toLowerCase(),
  Like: (value, wanted) => matches(wanted, value),
};

/** `*` is any text, `?` any one character. */
function matches(pattern: string, text: string): boolean {
  const source = pattern
    .replace(/[\\^$.|+()[\]{}]/g, '\\$&')
    .replaceAll('*', '.*')
    .replaceAll('?', '.');
  return new RegExp(`^${source}$`, 's').test(text);
}
