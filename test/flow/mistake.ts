/** One thing that can be asked of the API amiss, and what it says to that. */
import { randomUUID } from 'node:crypto';
import type { Shop } from './shop.ts';

export type Mistake = {
  /** Reads on after "answers". */
  to: string;
  status: number;
  /** Behind `urn:restoreclick:problem:`. */
  type: string;
  /** What the sentence must tell. */
  says: RegExp;
  /** Further members that it must have. */
  members?: Record<string, unknown>;
  headers?: Record<string, string>;
  ask(shop: Shop): Promise<Response>;
};

type Kind = `${number} ${string}`;
export const mistake = (
  to: string,
  kind: Kind,
  says: RegExp,
  ask: Mistake['ask'],
  more: Pick<Mistake, 'members' | 'headers'> = {},
): Mistake => ({
  to,
  status: Number(kind.split(' ')[0]),
  type: kind.split(' ')[1] ?? '',
  says,
  ask,
  ...more,
});

/** An id that nothing has. */
export const stranger = randomUUID();
/** As a download's looks. */
export const token = 'A'.repeat(43);
