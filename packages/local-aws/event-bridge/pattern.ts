/** Event patterns: which events a rule takes. */
import { z } from 'zod';
import type { EventBridgeEvent } from './event.ts';

export type Matches = (event: EventBridgeEvent) => boolean;

type Test = (value: unknown) => boolean;

const scalar = z.union([z.string(), z.number(), z.boolean(), z.null()]);
const oneOrMore = <T>(schema: z.ZodType<T>) =>
  z.union([z.array(schema).min(1), schema.transform((value) => [value])]);

/** What may stand in a pattern's list, as a test of one value; undefined is a missing member. */
const condition: z.ZodType<Test> = z.union([
  scalar.transform(
    (wanted): Test =>
      (value) =>
        value === wanted,
  ),
  z.strictObject({ prefix: z.string() }).transform(
    ({ prefix }): Test =>
      (value) =>
        typeof value === 'string' && value.startsWith(prefix),
  ),
  z
    .strictObject({ 'anything-but': z.strictObject({ prefix: oneOrMore(z.string()) }) })
    .transform(({ 'anything-but': { prefix } }): Test => {
      return (value) => typeof value === 'string' && !prefix.some((start) => value.startsWith(start));
    }),
  z
    .strictObject({ 'anything-but': oneOrMore(z.union([z.string(), z.number()])) })
    .transform(({ 'anything-but': unwanted }): Test => {
      return (value) => value !== undefined && !unwanted.some((one) => one === value);
    }),
  z.strictObject({ exists: z.boolean() }).transform(
    ({ exists }): Test =>
      (value) =>
        (value !== undefined) === exists,
  ),
]);

/** A list of conditions, of which one must hold for the value, or for one of its items if it is an array; or members to look into. */
const pattern: z.ZodType<Test> = z.lazy(() =>
  z.union([
    z.array(condition).transform(
      (conditions): Test =>
        (value) => {
          const values = Array.isArray(value) && value.length > 0 ? value : [value];
          return conditions.some((holds) => values.some((one) => holds(one)));
        },
    ),
    z.record(z.string(), pattern).transform((members): Test => {
      return (value) => Object.entries(members).every(([name, matches]) => matches(memberOf(value, name)));
    }),
  ]),
);

function memberOf(value: unknown, name: string): unknown {
  if (typeof value !== 'object' || value === null || !Object.hasOwn(value, name)) return undefined;
  return Object.entries(value).find(([key]) => key === name)?.[1];
}

/** Reads a rule's pattern; throws an error naming the rule when it uses what is not implemented. */
export function readPattern(rule: string, source: unknown): Matches {
  const read = z.record(z.string(), pattern).pipe(z.custom<Record<string, Test>>()).safeParse(source);
  if (!read.success) {
    throw new Error(
      `Rule ${rule}: the local EventBridge does not implement its pattern. ${z.prettifyError(read.error)}`,
    );
  }
  return (event) => Object.entries(read.data).every(([name, matches]) => matches(memberOf(event, name)));
}
