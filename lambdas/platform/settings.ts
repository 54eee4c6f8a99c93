/** A step's settings: its environment variables, parsed once and checked by a zod shape. */
import { z } from 'zod';

/**
 * @param shape variable name → zod schema; numbers by `z.coerce.number()`
 * @returns the parsed values
 * @throws Error naming the variables that are missing or wrong, never their values
 */
export function settings<Shape extends z.ZodRawShape>(shape: Shape): z.infer<z.ZodObject<Shape>> {
  const parsed = z.object(shape).safeParse(process.env);
  if (parsed.success) return parsed.data;
  const wrong = [...new Set(parsed.error.issues.map((issue) => issue.path.join('.')))];
  throw new Error(`Missing or wrong environment variables: ${wrong.join(', ')}.`);
}

/** A whole number above zero, from text. */
export const count = z.coerce.number().int().positive();

/** Words separated by commas. */
export const list = z.string().transform((text) => text.split(',').filter((word) => word !== ''));
