/**
 * Holds every answer of the API that a test file receives, its own and the webhooks', against the
 * document, and keeps what was seen.
 */
import { z } from 'zod';
import { complaints, headersOf, operationFor, responseOf, schemaAt } from './api-document.ts';

export type Recorder = {
  /** `POST /api/upload 201` */
  answers: Set<string>;
  /** Types of problems. */
  types: Set<string>;
  /** What was not as documented, in sentences. */
  violations: string[];
  stop(): void;
};

/** Words that only we should know. */
const internals =
  /arn:aws|amazonaws|sqlstate|statement|insert into|select |restoreclick\.|lambda|bucket|uploads\/|\.ts\b|\bat \w+ \(|undefined|\[object|zod/i;

const problem = z.object({ type: z.string(), status: z.number(), detail: z.string() });

function contentFaults(at: string, mediaType: string, documented: string[], body: string): string[] {
  if (documented.length === 0) return body === '' ? [] : ['has a body, but none is documented'];
  if (!documented.includes(mediaType)) return [`is ${mediaType || 'of no type'}, not ${documented}`];
  return complaints(schemaAt(at, mediaType), JSON.parse(body));
}

function problemFaults(status: number, mediaType: string, body: string): string[] {
  if (status < 400) return [];
  if (mediaType !== 'application/problem+json') return [`is ${mediaType}, not a problem`];
  const { status: stated, detail } = problem.parse(JSON.parse(body));
  return [
    ...(stated === status ? [] : [`says that it is a ${stated}`]),
    ...(internals.test(detail) ? [`shows internals: ${detail}`] : []),
    ...(/^[“A-Z0-9].*[.!]$/s.test(detail) ? [] : [`is no sentence: ${detail}`]),
  ];
}

/** From here on the process's `fetch` is watched. */
export function recordApi(apiUrl: string): Recorder {
  const { fetch } = globalThis;
  const recorder: Recorder = {
    answers: new Set(),
    types: new Set(),
    violations: [],
    stop() {
      globalThis.fetch = fetch;
    },
  };

  async function record(method: string, url: URL, response: Response): Promise<void> {
    const operation = operationFor(method, decodeURI(url.pathname));
    const answer = `${operation.routeKey} ${response.status}`;
    recorder.answers.add(answer);
    const body = await response.clone().text();
    const mediaType = (response.headers.get('content-type') ?? '').split(';')[0] ?? '';
    const documented = responseOf(operation, String(response.status));
    if (!documented) return void recorder.violations.push(`${answer} is not documented: ${body}`);
    const { pointer, content = {} } = documented;
    const faults = [
      // An answer to HEAD has headers only.
      ...(method === 'HEAD' ? [] : contentFaults(pointer, mediaType, Object.keys(content), body)),
      ...(method === 'HEAD' ? [] : problemFaults(response.status, mediaType, body)),
      ...headersOf(documented).flatMap(({ name, pointer: at }) => {
        const value = response.headers.get(name);
        if (value === null) return [`lacks ${name}`];
        return complaints(at, /^\d+$/.test(value) ? Number(value) : value);
      }),
      ...(response.headers.get('cache-control') === 'private, no-store' ? [] : ['may be kept in a cache']),
    ];
    recorder.violations.push(...faults.map((fault) => `${answer} ${fault}`));
    if (response.status >= 400 && body !== '') recorder.types.add(problem.parse(JSON.parse(body)).type);
  }

  globalThis.fetch = async (input, init) => {
    const url = new URL(input instanceof Request ? input.url : input);
    if (url.origin !== apiUrl) return fetch(input, init);
    const response = await fetch(input, { ...init, redirect: 'manual' });
    await record(init?.method ?? 'GET', url, response);
    const location = response.headers.get('location');
    return location && init?.redirect !== 'manual' ? fetch(location) : response;
  };
  return recorder;
}
