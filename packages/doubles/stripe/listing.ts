/** Lists and expansions, as Stripe answers them. */
import { z } from 'zod';
import { expand, text, whole } from './form.ts';
import { missing, refuse } from './refusal.ts';

export const pageParameters = {
  limit: whole.refine((n) => n >= 1 && n <= 100, 'must be between 1 and 100').default(10),
  starting_after: text.optional(),
  ending_before: text.optional(),
  expand,
};
export type ListParameters = Page & { expand: string[] };
type Page = { limit: number; starting_after?: string | undefined; ending_before?: string | undefined };

/** A moment in seconds, or a range of them. */
export const created = z.union([
  whole.transform((at) => ({ gte: at, lte: at })),
  z.strictObject({
    gt: whole.optional(),
    gte: whole.optional(),
    lt: whole.optional(),
    lte: whole.optional(),
  }),
]);

export function isWithin(at: number, range: z.output<typeof created> | undefined): boolean {
  const {
    gt = -1,
    gte = 0,
    lt = Infinity,
    lte = Infinity,
  }: Partial<Record<'gt' | 'gte' | 'lt' | 'lte', number | undefined>> = range ?? {};
  return at > gt && at >= gte && at < lt && at <= lte;
}

/** One page of `all`, which is in the order of the list (newest first). */
export function listPage<T extends { id: string }>(url: string, all: T[], page: Page) {
  const { limit, starting_after: after, ending_before: before } = page;
  const place = (id: string, param: string) => {
    const found = all.findIndex((one) => one.id === id);
    if (found === -1) throw missing('object', id, param);
    return found;
  };
  if (before !== undefined) {
    const end = place(before, 'ending_before');
    const start = Math.max(0, end - limit);
    return { object: 'list', url, has_more: start > 0, data: all.slice(start, end) };
  }
  const start = after === undefined ? 0 : place(after, 'starting_after') + 1;
  return { object: 'list', url, has_more: start + limit < all.length, data: all.slice(start, start + limit) };
}

/** What an id, or a field that is left out unless asked for, stands for. */
export type Resolve = (owner: object, field: string) => object | undefined;

/** A copy with objects in the place of their ids, by paths as `payment_intent.latest_charge`. */
export function expanded(object: object, paths: string[], resolve: Resolve): object {
  const copy = structuredClone(object);
  for (const path of paths) expandOne(copy, path.split('.'), path, resolve);
  return copy;
}

function expandOne(object: object, [field = '', ...rest]: string[], path: string, resolve: Resolve): void {
  let value: unknown = Reflect.get(object, field);
  if (value === null) return;
  if (value === undefined || typeof value === 'string') {
    const found = resolve(object, field);
    if (!found) throw refuse(`This property cannot be expanded (${path}).`, { param: 'expand', early: true });
    value = structuredClone(found);
    Reflect.set(object, field, value);
  }
  if (rest.length === 0 || typeof value !== 'object' || value === null) return;
  const targets: object[] = Array.isArray(value) ? value : [value];
  for (const target of targets) expandOne(target, rest, path, resolve);
}
