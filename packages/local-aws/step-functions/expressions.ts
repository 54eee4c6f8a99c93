/** Evaluates JSONata as Step Functions does: `{% … %}` in a template, variables, `$states`. */
import { randomUUID } from 'node:crypto';
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

/** Fills in a template: every string `{% … %}` in it becomes its value, all else stays. */
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
      const bindings = { ...scope.variables, ...functions, states: scope.states };
      value = await jsonata(text).evaluate(undefined, bindings);
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
    const members = Object.entries(template).map(async ([key, value]) => {
      return [key, await evaluate(value, scope, `${location}/${key}`)];
    });
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

/** Of the functions that Step Functions adds to JSONata, those that no state machine here needs. */
const notHere = ['partition', 'range', 'hash'];

const refusedCall = (name: string) => () => {
  throw new Error(`The local Step Functions does not implement $${name}.`);
};

/** AWS's functions, those that must follow the local clock, and `$eval`, which AWS takes away. */
function awsFunctions(now: () => number, random: () => number) {
  return {
    ...Object.fromEntries(notHere.map((name) => [name, refusedCall(name)])),
    random: (seed?: number) => (seed === undefined ? random() : refusedCall('random with a seed')()),
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
