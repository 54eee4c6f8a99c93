/** What API Gateway makes of a function's answer. */
import { validateHeaderName, validateHeaderValue } from 'node:http';
import { z } from 'zod';

/** Node refuses to send others, and by then it is too late. */
const isHeader = (name: string, value: unknown) => {
  try {
    validateHeaderName(name);
    validateHeaderValue(name, String(value));
    return true;
  } catch {
    return false;
  }
};
const headerValue = z.union([z.string(), z.number(), z.boolean()]);
const structuredAnswer = z.object({
  statusCode: z.coerce.number().int().min(100).max(599),
  headers: z
    .record(z.string(), headerValue)
    .refine((headers) => Object.entries(headers).every(([name, value]) => isHeader(name, value)))
    .nullish(),
  cookies: z.array(z.string().refine((cookie) => isHeader('set-cookie', cookie))).nullish(),
  body: z.string().nullish(),
  isBase64Encoded: z.boolean().nullish(),
});

export type Answer = {
  statusCode: number;
  headers: Record<string, string | number | boolean>;
  cookies: string[];
  body: string | Buffer;
};

/** Without a status code it is the body of a 200; undefined where it cannot be understood. */
export function readAnswer(payload: unknown): Answer | undefined {
  if (typeof payload !== 'object' || payload === null || !('statusCode' in payload)) {
    const body = typeof payload === 'string' ? payload : JSON.stringify(payload);
    return { statusCode: 200, headers: { 'content-type': 'application/json' }, cookies: [], body };
  }
  const parsed = structuredAnswer.safeParse(payload);
  if (!parsed.success) return undefined;
  const { statusCode, body, isBase64Encoded } = parsed.data;
  const headers = parsed.data.headers ?? {};
  const isTyped = Object.keys(headers).some((name) => name.toLowerCase() === 'content-type');
  return {
    statusCode,
    headers: isTyped ? headers : { ...headers, 'content-type': 'text/plain;charset=UTF-8' },
    cookies: parsed.data.cookies ?? [],
    body: isBase64Encoded ? Buffer.from(body ?? '', 'base64') : (body ?? ''),
  };
}
