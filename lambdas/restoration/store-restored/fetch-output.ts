/** Fetches a restored photo: from the provider's hosts, no redirects, bounded size and time. */
import { Readable } from 'node:stream';
import { StepError } from '../../platform/errors.ts';
import { restorationError } from '../../providers/restoration-codes.ts';

export type FetchLimits = {
  /** `replicate.delivery` allows it and its subdomains; `127.0.0.1:4003` allows exactly that. */
  allowedHosts: string[];
  maxBytes: number;
  /** For the whole transfer; a minute by default. */
  timeoutMs?: number;
  signal?: AbortSignal;
};

export type Output = { stream: Readable; contentType: string; contentLength?: number };

/**
 * @returns the bytes as they come; the stream may fail as `output_too_large`, `output_unavailable`
 * @throws StepError `output_refused`, `output_too_large`, `output_gone` or `output_unavailable`
 */
export async function fetchOutput(address: string, limits: FetchLimits): Promise<Output> {
  const { allowedHosts, maxBytes, timeoutMs = 60_000, signal } = limits;
  const url = allowed(address, allowedHosts);
  const timely = AbortSignal.timeout(timeoutMs);
  const response = await fetch(url, {
    redirect: 'manual',
    // A compressed answer would be unpacked here, past what its length announces.
    headers: { 'accept-encoding': 'identity' },
    signal: signal ? AbortSignal.any([signal, timely]) : timely,
  }).catch((cause: unknown) => {
    throw restorationError('output_unavailable', { cause });
  });
  const announced = Number(response.headers.get('content-length') ?? Number.NaN);
  const refusal = refusalOf(response.status) ?? (announced > maxBytes ? 'output_too_large' : undefined);
  if (refusal || !response.body) {
    await response.body?.cancel();
    throw restorationError(refusal ?? 'output_unavailable', { cause: new Error(`HTTP ${response.status}`) });
  }
  return {
    stream: Readable.from(bounded(response.body, maxBytes), { objectMode: false }),
    contentType: response.headers.get('content-type') ?? 'application/octet-stream',
    ...(!Number.isNaN(announced) && { contentLength: announced }),
  };
}

function allowed(address: string, allowedHosts: string[]): URL {
  if (!URL.canParse(address)) throw restorationError('output_refused');
  const url = new URL(address);
  const secure = url.protocol === 'https:' || (url.protocol === 'http:' && isLoopback(url.hostname));
  const known = allowedHosts.some((entry) => url.host === entry || url.host.endsWith(`.${entry}`));
  if (!secure || !known || url.username || url.password) {
    throw restorationError('output_refused', { detail: { host: url.host } });
  }
  return url;
}

const isLoopback = (hostname: string) =>
  hostname === 'localhost' || hostname === '[::1]' || /^127(\.\d{1,3}){3}$/.test(hostname);

function refusalOf(status: number) {
  if (status === 200) return undefined;
  if (status >= 300 && status < 400) return 'output_refused';
  // A denial says nothing of the file: it is asked for again as long as the provider keeps it.
  return [404, 410].includes(status) ? 'output_gone' : 'output_unavailable';
}

async function* bounded(body: AsyncIterable<Uint8Array>, maxBytes: number) {
  let total = 0;
  try {
    for await (const chunk of body) {
      total += chunk.length;
      if (total > maxBytes) throw restorationError('output_too_large');
      yield chunk;
    }
  } catch (error) {
    throw error instanceof StepError ? error : restorationError('output_unavailable', { cause: error });
  }
}
