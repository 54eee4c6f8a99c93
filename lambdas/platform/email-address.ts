/** Email addresses as people type and paste them. */
import { z } from 'zod';

/**
 * RFC 5321's plain form, quotes left out: `ben&anna@…` and `ada+photos@…` are addresses, which
 * zod's own rule would half refuse. A domain has a dot.
 */
const pattern =
  /^(?![.])(?!.*[.]{2})[\w.!#$%&'*+/=?^`{|}~-]{1,64}(?<![.])@([a-z\d]([a-z\d-]{0,61}[a-z\d])?[.])+[a-z]([a-z\d-]{0,61}[a-z\d])?$/i;

/** Spaces around it, which keyboards add, are taken off. */
export const emailAddress = z.string().trim().pipe(z.email({ pattern }).max(255));
