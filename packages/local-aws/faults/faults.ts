/** What functions call outside themselves: the list of their calls, and faults put among them. */

/** One request that a function made. */
export type OutsideCall = {
  /** The function's name. */
  function: string;
  requestId: string;
  /** 1 for the first call of the invocation. */
  index: number;
  /** `s3`, `sqs`, `rds-data`, `states` …; of other hosts as `hosts` names them, else the host. */
  service: string;
  /** `SendMessage` (of `X-Amz-Target`), else method and path: `PUT /temp/a.png?x-id=PutObject`. */
  operation: string;
  method: string;
  /** With its query. */
  path: string;
  fault?: FaultAction;
};

/**
 * `fail-before`: the connection breaks and the request never leaves. `fail-after`: it takes effect,
 * and the connection breaks before its answer is read. `hang`: it never leaves and is never
 * answered. `kill-before`, `kill-after`: the process dies instead.
 */
export type FaultAction = 'fail-before' | 'fail-after' | 'hang' | 'kill-before' | 'kill-after';

/** Which calls an action is for; what is left out matches any. */
export type FaultRule = {
  /** A function's name or logical id. */
  function?: string;
  service?: string;
  /** A string is the whole operation, with or without its query. */
  operation?: string | RegExp;
  /** The n-th call of an invocation, from 1. */
  index?: number;
  /** How often in all, however many processes meet it; always by default. */
  times?: number;
  action: FaultAction;
};

/** A rule as it travels to a function's process. */
export type SentRule = Omit<FaultRule, 'function' | 'operation'> & {
  id: number;
  operation?: string | { source: string; flags: string };
};

export type Fault = {
  /** Later invocations no longer meet it. */
  remove(): void;
  /** How many calls it was for so far. */
  fired(): number;
};

export type Faults = {
  inject(rule: FaultRule): Fault;
  /** Since the last `reset`, in the order in which they were reported. */
  calls(): readonly OutsideCall[];
  /** Removes every rule and forgets the calls. */
  reset(): void;
  /** For the Lambda service: the rules to send with an invocation. */
  rulesFor(fn: { name: string; logicalId: string }): SentRule[];
  /** For the Lambda service: a call that a function's process reports. */
  record(call: OutsideCall, ruleId?: number): void;
  /** `host:port` or host → service. */
  readonly hosts: Readonly<Record<string, string>>;
};

/** @param hosts what calls to a host are called: `{ 'api.example.com': 'payments' }` */
export function createFaults({ hosts = {} }: { hosts?: Record<string, string> } = {}): Faults {
  const rules = new Map<number, FaultRule>();
  const fired = new Map<number, number>();
  let calls: OutsideCall[] = [];
  let lastId = 0;
  return {
    hosts,
    inject(rule) {
      lastId += 1;
      const id = lastId;
      rules.set(id, rule);
      return { remove: () => void rules.delete(id), fired: () => fired.get(id) ?? 0 };
    },
    calls: () => calls,
    reset() {
      rules.clear();
      calls = [];
    },
    rulesFor: ({ name, logicalId }) =>
      [...rules].flatMap(([id, { function: only, operation, ...rest }]) => {
        if (only !== undefined && only !== name && only !== logicalId) return [];
        const sent =
          operation instanceof RegExp ? { source: operation.source, flags: operation.flags } : operation;
        return [{ id, ...rest, ...(sent !== undefined && { operation: sent }) }];
      }),
    record(call, ruleId) {
      calls.push(call);
      if (ruleId !== undefined) fired.set(ruleId, (fired.get(ruleId) ?? 0) + 1);
    },
  };
}

/** Whether a rule is about this call. */
export function isAbout(rule: SentRule, call: OutsideCall): boolean {
  const { operation } = rule;
  if (rule.service !== undefined && rule.service !== call.service) return false;
  if (rule.index !== undefined && rule.index !== call.index) return false;
  if (operation === undefined) return true;
  return typeof operation === 'string'
    ? operation === call.operation || operation === call.operation.split('?')[0]
    : new RegExp(operation.source, operation.flags).test(call.operation);
}
