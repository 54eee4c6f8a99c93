/** Download tokens: 256 random bits for the customer, their SHA-256 for the row. */
import { createHash, randomBytes } from 'node:crypto';

export const newToken = () => randomBytes(32).toString('base64url');

export const tokenHash = (token: string) => createHash('sha256').update(token).digest('hex');

/**
 * The token of a link in an email: made of the email's seed (256 random bits in hex, never stored)
 * and what the link opens, as `claim.sql` makes it.
 */
export const seededToken = (seed: string, opens: string) =>
  createHash('sha256').update(`${seed}/${opens}`).digest('hex');

/** Anything else was never a token, and needs no look at the database. */
export const looksLikeToken = (text: string) => /^[\w-]{43}$|^[0-9a-f]{64}$/.test(text);
