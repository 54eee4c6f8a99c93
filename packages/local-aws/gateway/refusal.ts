/** Errors in the protocol of the service that was called: S3's XML, or JSON. */
import { randomUUID } from 'node:crypto';
import { type AwsAnswer, AwsError, jsonAnswer } from './service.ts';

const entities: Record<string, string> = { '&': 'amp', '<': 'lt', '>': 'gt', '"': 'quot', "'": 'apos' };
const escaped = (text: string) => text.replace(/[&<>"']/g, (character) => `&${entities[character]};`);

/** A refusal as S3 writes it. */
export function xmlRefusal(error: AwsError, resource: string): AwsAnswer {
  const requestId = randomUUID();
  const { code: Code, message: Message, status, detail } = error;
  const members = Object.entries({ Code, Message, ...detail, Resource: resource, RequestId: requestId })
    .map(([name, text]) => `<${name}>${escaped(text)}</${name}>`)
    .join('');
  return {
    status,
    headers: { 'content-type': 'application/xml', 'x-amz-request-id': requestId },
    body: `<?xml version="1.0" encoding="UTF-8"?>\n<Error>${members}</Error>`,
  };
}

/** What a caller gets for `cause`: an AwsError in its own words, anything else as a 500. */
export function refusalOf(cause: unknown, service: string, path: string): AwsAnswer {
  const message = cause instanceof Error ? cause.message : String(cause);
  const error = cause instanceof AwsError ? cause : new AwsError('InternalError', message, 500);
  if (service === 's3') return xmlRefusal(error, path);
  const code = error.code === 'AccessDenied' ? 'AccessDeniedException' : error.code;
  const answer = jsonAnswer({ __type: code, message, ...error.detail }, error.status);
  return { ...answer, headers: { ...answer.headers, 'x-amzn-errortype': code } };
}
