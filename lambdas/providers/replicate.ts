/** Replicate as the product's restoration provider. */
import Replicate from 'replicate';
import { z } from 'zod';
import { StepError } from '../platform/errors.ts';
import { log } from '../platform/logging.ts';
import { knownError } from './replicate-errors.ts';
import { isMarkedFor, type PredictionState, type RestorationProvider } from './restoration.ts';
import { type RestorationCode, restorationCodes, restorationError } from './restoration-codes.ts';

export type ReplicateSettings = {
  apiToken: string;
  /** With `/v1`; Replicate's own by default. */
  apiUrl?: string;
  /** `owner/name`, or `owner/name:version` if it is no official model. It takes `input_image`. */
  model: string;
  outputFormat?: 'png' | 'jpg';
  /** After this Replicate stops a prediction, so that one nobody asks for any more costs little. */
  cancelAfterSeconds?: number;
  /** How long one call may take. */
  timeoutMs?: number;
  /** Told of a call that the token is refused for: it may have been replaced. */
  onDenied?: () => Promise<unknown>;
};

const prediction = z.object({
  id: z.string().min(1),
  status: z.string(),
  input: z.record(z.string(), z.unknown()).nullish(),
  output: z.unknown(),
  error: z.unknown(),
  data_removed: z.boolean().nullish(),
  deadline: z.string().nullish(),
  completed_at: z.string().nullish(),
});
type Prediction = z.output<typeof prediction>;

const page = z.object({ next: z.string().nullish(), results: z.array(prediction) });

/** Pages of 100; a search begins a minute early, since the two clocks may differ. */
const pagesSearched = 10;
const clockSkewMs = 60_000;

export function createReplicateRestoration(settings: ReplicateSettings): RestorationProvider {
  const { model, outputFormat = 'png', cancelAfterSeconds = 900 } = settings;
  const { call, readable } = connect(settings);
  const version = model.split(':')[1];
  const creation = version ? { route: '/predictions', version } : { route: `/models/${model}/predictions` };
  return {
    async createPrediction({ imageUrl, ...photo }) {
      if (!isMarkedFor(imageUrl, photo)) throw restorationError('input_unmarked');
      const { route, ...which } = creation;
      const input = { input_image: await readable(imageUrl), output_format: outputFormat };
      const headers = { 'Cancel-After': `${cancelAfterSeconds}s` };
      const request = { method: 'POST', headers, data: { ...which, input } };
      return { id: (await call(route, request, prediction, 'submission_uncertain')).id };
    },

    async findPrediction({ since, ...photo }) {
      const params: Record<string, string> = {
        created_after: new Date(since.getTime() - clockSkewMs).toISOString(),
      };
      for (let searched = 0; searched < pagesSearched; searched++) {
        const { results, next } = await call('/predictions', { params }, page);
        const found = results.find(({ input }) => isMarkedFor(String(input?.input_image), photo));
        if (found) return found.id;
        const cursor = next && new URL(next).searchParams.get('cursor');
        if (!cursor) return undefined;
        params.cursor = cursor;
      }
      return undefined;
    },

    async getPrediction(id) {
      try {
        return stateOf(await call(`/predictions/${id}`, {}, prediction));
      } catch (error) {
        if (isUnknown(error)) return failed('prediction_unknown');
        throw error;
      }
    },

    async cancelPrediction(id) {
      try {
        await call(`/predictions/${id}/cancel`, { method: 'POST' }, prediction);
      } catch (error) {
        if (!isUnknown(error)) throw error;
      }
    },
  };
}

function connect({ apiToken, apiUrl, timeoutMs = 15_000, onDenied }: ReplicateSettings) {
  const client = new Replicate({
    auth: apiToken,
    ...(apiUrl && { baseUrl: apiUrl }),
    fetch: sendOnce(timeoutMs),
  });
  return {
    /** @param doubt the code for an answer that never came, or says nothing */
    async call<T>(
      route: string,
      options: Parameters<typeof client.request>[1],
      shape: z.ZodType<T>,
      doubt: RestorationCode = 'provider_unavailable',
    ): Promise<T> {
      try {
        const response = await client.request(route, options);
        return shape.parse(await response.json());
      } catch (error) {
        if (!(error instanceof Refusal)) throw restorationError(doubt, { cause: error });
        if (error.status === 401 || error.status === 403) await onDenied?.();
        throw refused(error, doubt);
      }
    },

    /**
     * What Replicate is given to read. It cannot reach a storage on the developer's machine: such a
     * photo is handed over itself, without a marker, and is not found again when lost.
     */
    async readable(imageUrl: string): Promise<string> {
      if (apiUrl || new URL(imageUrl).hostname !== '127.0.0.1') return imageUrl;
      try {
        const photo = await fetch(imageUrl, { signal: AbortSignal.timeout(timeoutMs) });
        if (!photo.ok) throw new Refusal(photo, await photo.text());
        return (await client.files.create(await photo.blob())).urls.get;
      } catch (error) {
        throw restorationError('provider_unavailable', { cause: error });
      }
    },
  };
}

/** Replicate's answer of another status than 2xx. */
class Refusal extends Error {
  readonly status: number;
  readonly retryAfter: string | null;

  constructor(response: Response, body: string) {
    super(`Replicate answered ${response.status}: ${body.slice(0, 500)}`);
    this.status = response.status;
    this.retryAfter = response.headers.get('retry-after');
  }
}

/**
 * A fetch that sends each request once. The client calls it up to 6 times within 50 ms after a 429
 * or a lost connection, and each repeated create is paid for; here repetitions, known by their
 * `init`, get the first outcome. Trying again is for the queue, which waits longer.
 */
function sendOnce(timeoutMs: number) {
  const outcomes = new WeakMap<RequestInit, Promise<Response>>();
  const send = async (input: Request | string, init: RequestInit) => {
    const response = await fetch(input, { ...init, signal: AbortSignal.timeout(timeoutMs) });
    if (!response.ok) throw new Refusal(response, await response.text());
    return response;
  };
  return (input: Request | string, init: RequestInit = {}): Promise<Response> => {
    const outcome = outcomes.get(init) ?? send(input, init);
    outcomes.set(init, outcome);
    return outcome;
  };
}

/** Of an ordinary account; one with little credit is told its own number: 6. */
const createsAMinute = 600;
/** When a refusal does not say, or says a date. */
const defaultWaitSeconds = 30;

function refused(refusal: Refusal, doubt: RestorationCode): StepError {
  const { status, message, retryAfter } = refusal;
  if (status === 429) {
    const wait = Number(retryAfter ?? /~(\d+)s/.exec(message)?.[1]);
    const aMinute = Number(/(\d+) requests per minute/.exec(message)?.[1] ?? createsAMinute);
    return restorationError('provider_throttled', {
      cause: refusal,
      retryAfterSeconds: wait || defaultWaitSeconds,
      spacingSeconds: 60 / aMinute,
    });
  }
  if (status === 402)
    return restorationError('provider_out_of_credit', { cause: refusal, retryAfterSeconds: 900 });
  if (status >= 500 || status === 408) return restorationError(doubt, { cause: refusal });
  const isInputs = status === 413 || (status === 422 && message.includes('invalid_fields'));
  return restorationError(isInputs ? 'input_rejected' : 'provider_misconfigured', { cause: refusal });
}

const isUnknown = (error: unknown): boolean =>
  error instanceof StepError && error.cause instanceof Refusal && error.cause.status === 404;

function stateOf({
  status,
  output,
  error,
  data_removed,
  deadline,
  completed_at,
}: Prediction): PredictionState {
  switch (status) {
    case 'succeeded': {
      const outputUrl = Array.isArray(output) ? output[0] : output;
      if (data_removed || outputUrl == null) return failed('output_gone');
      return typeof outputUrl === 'string' ? { state: 'succeeded', outputUrl } : failed('output_unreadable');
    }
    case 'failed':
      return failed(codeOf(String(error)), String(error).slice(0, 500));
    case 'canceled': {
      const late = deadline && completed_at && Date.parse(completed_at) >= Date.parse(deadline);
      return failed(late ? 'prediction_timed_out' : 'prediction_canceled');
    }
    case 'aborted':
      return failed('prediction_timed_out');
    default:
      return { state: 'running' };
  }
}

function failed(code: RestorationCode, message: string = restorationCodes[code].meaning): PredictionState {
  return { state: 'failed', code, message };
}

/** Of an unknown error nobody has decided yet: it is tried again, and counted by its line. */
function codeOf(error: string): RestorationCode {
  const known = knownError(error);
  if (!known) log.warn('unknown provider error', { provider: 'replicate' });
  return known ?? 'prediction_failed';
}
