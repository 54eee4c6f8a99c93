/** Evaluates JSONata as Step Functions does: `{% … %}` anywhere in a template, variables, `$states`, and AWS's own functions. */
import { createHash, randomUUID } from 'node:crypto';
import jsonata from 'jsonata';
import { StatesError } from './failure.ts';

/** What an expression sees: variables by name, and `$states`. */
export type Scope = { variables: Record<string, unknown>; states: Record<string, unknown> };

/** A failed expression, with the field it stands in (`Arguments/Payload/id`). */
export class EvaluationError extends StatesError {
  readonly location: string;

  constructor(expression: string, location: string, problem: string) {
    super(
      'States.QueryEvaluationError',
      `The JSONata expression '${expression}' specified for the field '${location}' ${problem}`,
    );
    this.location = location;
  }
}

/** Fills in a template: every string `{% … %}` in it becomes the value of its expression, all else stays. */
export type Evaluate = (template: unknown, scope: Scope, location: string) => Promise<unknown>;

/**
 * @param now ms since 1970, for `$now()` and `$millis()`
 * @param random as Math.random
 */
export function createEvaluate({ now, random }: { now: () => number; random: () => number }): Evaluate {
  const functions = awsFunctions(now, random);

  async function expression(text: string, scope: Scope, location: string): Promise<unknown> {
    let value: unknown;
    try {
      value = await jsonata(text).evaluate(undefined, {
        ...scope.variables,
        ...functions,
        states: scope.states,
      });
    } catch (error) {
      throw new EvaluationError(text, location, `threw an error during evaluation. ${describe(error)}`);
    }
    const json = JSON.stringify(value);
    if (json === undefined) throw new EvaluationError(text, location, 'returned nothing (undefined).');
    return JSON.parse(json);
  }

  async function evaluate(template: unknown, scope: Scope, location: string): Promise<unknown> {
    if (typeof template === 'string') {
      const inner = expressionIn(template);
      return inner === undefined ? template : expression(inner, scope, location);
    }
    if (Array.isArray(template)) {
      return Promise.all(template.map((item, index) => evaluate(item, scope, `${location}[${index}]`)));
    }
    if (typeof template !== 'object' || template === null) return template;
    const members = Object.entries(template).map(async ([key, value]) => [
      key,
      await evaluate(value, scope, `${location}/${key}`),
    ]);
    return Object.fromEntries(await Promise.all(members));
  }
  return evaluate;
}

/** The expression in `{% … %}`, or undefined when the text is plain. */
export function expressionIn(text: string): string | undefined {
  return text.startsWith('{%') && text.endsWith('%}') ? text.slice(2, -2).trim() : undefined;
}

/** jsonata throws plain objects with a code and a message. */
function describe(error: unknown): string {
  if (typeof error !== 'object' || error === null) return String(error);
  const message = 'message' in error ? String(error.message) : '';
  return 'code' in error ? `${error.code}: ${message}` : message;
}

const hashNames: Record<string, string> = {
  MD5: 'md5',
  'SHA-1': 'sha1',
  'SHA-256': 'sha256',
  'SHA-384': 'sha384',
  'SHA-512': 'sha512',
};

/** The functions that Step Functions adds to JSONata, those that must follow the local clock, and `$eval`, which it takes away. */
function awsFunctions(now: () => number, random: () => number) {
  return {
    partition: (items: unknown[], size: number) =>
      Array.from({ length: Math.ceil(items.length / size) }, (_, index) =>
        items.slice(index * size, (index + 1) * size),
      ),
    range(first: number, last: number, step: number) {
      if (!step) throw new Error('The step of $range must not be 0.');
      const length = Math.max(0, Math.floor((last - first) / step) + 1);
      return Array.from({ length }, (_, index) => first + index * step);
    },
    hash(text: string, algorithm: string) {
      const name = hashNames[algorithm];
      if (!name) throw new Error(`Unknown hash algorithm ${algorithm}.`);
      return createHash(name).update(text).digest('hex');
    },
    random: (seed?: number) => (seed === undefined ? random() : seeded(seed)),
    uuid: () => randomUUID(),
    parse: (text: string) => JSON.parse(text),
    eval() {
      throw new Error('$eval is not available; use $parse.');
    },
    millis: () => Math.floor(now()),
    now: (picture?: string, zone?: string) =>
      jsonata('$fromMillis($millis, $picture, $zone)').evaluate(undefined, {
        millis: Math.floor(now()),
        picture,
        zone,
      }),
  };
}

/** The same number in [0, 1) for the same seed. */
function seeded(seed: number): number {
  return createHash('sha256').update(String(seed)).digest().readUInt32BE() / 2 ** 32;
}
