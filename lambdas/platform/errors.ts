/** The four kinds of error: what each answers over HTTP, and whether its message comes again. */

/**
 * - `client`: the request is wrong and stays wrong; the sentence is for the person who sent it.
 * - `retry`: time will mend it; a queue delivers again, the API answers 503 with `Retry-After`.
 * - `permanent`: trying again cannot help; the work is recorded as failed with its code.
 * - `internal`: a fault of the product; the queue delivers again, then its dead letters alarm.
 */
export type ErrorKind = 'client' | 'retry' | 'permanent' | 'internal';

export type ErrorOptions = {
  /** HTTP status; by default 400 client, 503 retry, 422 permanent, 500 internal. */
  status?: number;
  /** For `retry`: after how many seconds it is worth another try. */
  retryAfterSeconds?: number;
  /** For `retry`: how many seconds apart it may then be tried, by all who were told to wait. */
  spacingSeconds?: number;
  /** Further members of the problem details, such as the photos concerned. Never internals. */
  detail?: Record<string, unknown>;
  /** Further headers of the answer. */
  headers?: Record<string, string>;
  cause?: unknown;
};

const defaultStatus: Record<ErrorKind, number> = { client: 400, retry: 503, permanent: 422, internal: 500 };

/** `code` is stable snake_case; `message` is a sentence that a person understands. */
export class StepError extends Error {
  readonly kind: ErrorKind;
  readonly code: string;
  readonly status: number;
  readonly retryAfterSeconds: number | undefined;
  readonly spacingSeconds: number | undefined;
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
    this.spacingSeconds = options.spacingSeconds;
    this.detail = options.detail ?? {};
    this.headers = options.headers ?? {};
  }
}

/** The client's error: `code` becomes the problem's type, `sentence` is shown to them. */
export const clientError = (code: string, sentence: string, options?: ErrorOptions) =>
  new StepError('client', code, sentence, options);

/** Worth another try after a while. */
export const retryLater = (code: string, sentence: string, options?: ErrorOptions) =>
  new StepError('retry', code, sentence, options);

/** Another try cannot help. */
export const permanentFailure = (code: string, sentence: string, options?: ErrorOptions) =>
  new StepError('permanent', code, sentence, options);

/** A fault of the product itself. */
export const internalError = (code: string, sentence: string, options?: ErrorOptions) =>
  new StepError('internal', code, sentence, options);
