/** A statement as the steps import it, and what is true of every statement, whoever runs it. */
import type { Value } from '@restoreclick/data-api';

/**
 * A `.sql` file as a module, typed by the `.d.sql.ts` beside it, which `npm run statements` writes.
 */
export type Statement<Params extends Record<string, Value>, Row extends object> = {
  /** Flow, step and file: `payment/place-order/place`. */
  readonly name: string;
  readonly text: string;
  /** Only for the compiler; never there. */
  readonly types?: (params: Params) => Row;
};

/** `RowOf<typeof place>`: the row that a statement returns. */
export type RowOf<S> = S extends Statement<infer _Params, infer Row> ? Row : never;

/** The step whose statement it is: `payment/place-order`. */
export const stepOf = ({ name }: { name: string }): string => name.split('/').slice(0, 2).join('/');

/** Who does it, for the audit trail: the step whose statement it is. */
export function withActor(
  { name, text }: Pick<Statement<never, never>, 'name' | 'text'>,
  params: Record<string, Value>,
): Record<string, Value> {
  return /:actor\b/.test(text) ? { ...params, actor: stepOf({ name }) } : params;
}

/**
 * Whether another statement was in the way, so that trying again may do: serialization failure,
 * deadlock.
 */
export function isConflict(sqlstate: string | undefined): boolean {
  return sqlstate === '40001' || sqlstate === '40P01';
}
