/** Stripe's parameters: forms with nested brackets, checked, refused in Stripe's words. */
import { parse } from 'qs';
import { z } from 'zod';
import { refuse } from './refusal.ts';

export type Form = { [name: string]: string | Form | (string | Form)[] };

/** `a[b][0][c]=1` is `{ a: { b: [{ c: '1' }] } }`; a name given twice counts once, as its last. */
export function readForm(text: string): Form {
  const limits = { depth: 10, arrayLimit: 1000, parameterLimit: 10_000 };
  return parse(text, { ...limits, plainObjects: true, duplicates: 'last' }) as Form;
}

/** The form as the schema reads it; a refusal in Stripe's words otherwise. */
export function readParameters<T extends z.ZodType>(schema: T, form: Form): z.output<T> {
  const parsed = schema.safeParse(form);
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  throw issue ? refusalOf(issue, form) : parsed.error;
}

function refusalOf(issue: z.core.$ZodIssue, form: Form) {
  const bracketed = ([head, ...rest]: PropertyKey[]) =>
    [String(head), ...rest.map((part) => `[${String(part)}]`)].join('');
  const param = bracketed(issue.path);
  const sent = issue.path.reduce<unknown>(
    (value, part) => (typeof value === 'object' && value ? Reflect.get(value, part) : undefined),
    form,
  );
  if (issue.code === 'unrecognized_keys') {
    const unknown = bracketed([...issue.path, ...issue.keys.slice(0, 1)]);
    const message = `Received unknown parameter: ${unknown}`;
    return refuse(message, { code: 'parameter_unknown', param: unknown, early: true });
  }
  if (sent === undefined) {
    return refuse(`Missing required param: ${param}.`, { code: 'parameter_missing', param, early: true });
  }
  return refuse(`Invalid ${param}: ${issue.message}`, { code: 'parameter_invalid', param, early: true });
}

export const whole = z
  .string()
  .regex(/^-?\d{1,15}$/, 'Invalid integer')
  .transform(Number);
export const flag = z.enum(['true', 'false']).transform((value) => value === 'true');
export const text = z.string().min(1, 'You passed an empty string').max(5000);
export const webAddress = text.refine(
  (value) => /^https?:\/\//.test(value) && URL.canParse(value),
  'Not a valid URL',
);
export const metadata = z
  .record(
    z.string().max(40, 'Metadata keys may have 40 characters'),
    z.string().max(500, 'Metadata values may have 500 characters'),
  )
  .refine((pairs) => Object.keys(pairs).length <= 50, 'Metadata may have 50 pairs');
/** As browsers take it: zod's own pattern refuses `&`. */
export const emailAddress = z.email({ pattern: z.regexes.html5Email, error: 'Invalid email address' });
export const expand = z.array(text).default([]);
