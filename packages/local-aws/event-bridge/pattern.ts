/** Event patterns: which events a rule takes. */
import { z } from 'zod';
import type { EventBridgeEvent } from './event.ts';

export type Matches = (event: EventBridgeEvent) => boolean;

type Scalar = string | number | boolean | null;
/** Values of which one must be there, or members that must all match. */
type Pattern = Scalar[] | { [name: string]: Pattern };
type Members = Record<string, unknown>;

const scalar = z.union([z.string(), z.number(), z.boolean(), z.null()]);
const members: z.ZodType<{ [name: string]: Pattern }> = z.lazy(() =>
  z
    .record(z.string(), z.union([z.array(scalar).min(1), members]))
    .refine((record) => Object.keys(record).length > 0, 'an object must have members'),
);

/** Reads a rule's pattern; throws an error naming the rule when it uses what is not implemented. */
export function readPattern(rule: string, source: unknown): Matches {
  const read = members.safeParse(source);
  if (!read.success) {
    const problem = z.prettifyError(read.error);
    throw new Error(`Rule ${rule}: the local EventBridge does not implement its pattern. ${problem}`);
  }
  const pattern = z.custom<Pattern>().parse(nested(read.data));
  return (event) => matches(pattern, nested(event));
}

/** An array is matched by one of its items, in all that the pattern asks of it. */
function matches(pattern: Pattern, value: unknown): boolean {
  if (Array.isArray(value)) return value.some((item) => matches(pattern, item));
  if (Array.isArray(pattern)) return pattern.some((wanted) => wanted === value);
  if (!isObject(value)) return false;
  return Object.entries(pattern).every(([name, inner]) => {
    return Object.hasOwn(value, name) && matches(inner, value[name]);
  });
}

const isObject = (value: unknown): value is Members =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** `{ 'a.b': 1 }` as `{ a: { b: 1 } }`: to EventBridge both are the same path. */
function nested(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(nested);
  if (!isObject(value)) return value;
  const result: Members = {};
  for (const [name, inner] of Object.entries(value)) {
    const [last = '', ...outer] = name.split('.').reverse();
    let at = result;
    for (const step of outer.reverse()) {
      const below = at[step];
      at[step] = isObject(below) ? below : {};
      at = at[step] as Members;
    }
    at[last] = nested(inner);
  }
  return result;
}
