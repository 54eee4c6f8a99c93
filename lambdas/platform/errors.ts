/** The four kinds of error, a closed set. Each knows its HTTP status and whether a queue should deliver its message again. */

/**
 * - `caller`: the request is wrong and stays wrong; the sentence is for the person who sent it.
 * - `later`: nothing is wrong that time will not mend; a queue delivers again, the API answers 503 with `Retry-After`.
 * - `final`: trying again cannot help; the work is recorded as failed with its code.
 * - `ours`: a fault of the product; the queue delivers again, then its dead-letter queue raises an alarm.
 */
export type ErrorKind = 'caller' | 'later' | 'final' | 'ours';

export type ErrorOptions = {
  /** HTTP status; by default 400 caller, 503 later, 422 final, 500 ours. */
  status?: number;
  /** For `later`: after how many seconds it is worth another try. */
  retryAfterSeconds?: number;
  /** Further members of the problem details, such as the photos concerned. Never internals. */
  detail?: Record<string, unknown>;
  /** Further headers of the answer. */
  headers?: Record<string, string>;
  cause?: unknown;
};

const defaultStatus: Record<ErrorKind, number> = { caller: 400, later: 503, final: 422, ours: 500 };

/** An error of the product. `code` is stable snake_case; `message` is a sentence a person understands. */
export class StepError extends Error {
  readonly kind: ErrorKind;
  readonly code: string;
  readonly status: number;
  readonly retryAfterSeconds: number | undefined;
  readonly detail: Record<string, unknown>;
  readonly headers: Record<string, string>;

  constructor(kind: ErrorKind, code: string, message: string, options: ErrorOptions = {}) {
    super(message, { cause: options.cause });
    // A poller's task is caught by this name.
    this.name = code;
    this.kind = kind;
    this.code = code;
    this.status = options.status ?? defaultStatus[kind];
    this.retryAfterSeconds = options.retryAfterSeconds;
    this.detail = options.detail ?? {};
    this.headers = options.headers ?? {};
  }
}

/** The caller's fault: `code` becomes the problem's type, `sentence` is shown to them. */
export const callersFault = (code: string, sentence: string, options?: ErrorOptions) =>
  new StepError('caller', code, sentence, options);

/** Worth another try after a while. */
export const tryAgain = (code: string, sentence: string, options?: ErrorOptions) =>
  new StepError('later', code, sentence, options);

/** Another try cannot help. */
export const final = (code: string, sentence: string, options?: ErrorOptions) =>
  new StepError('final', code, sentence, options);

/** A fault of the product itself. */
export const ours = (code: string, sentence: string, options?: ErrorOptions) =>
  new StepError('ours', code, sentence, options);
