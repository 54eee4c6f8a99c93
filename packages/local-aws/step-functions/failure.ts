/** What goes wrong in a state, under the names of the Amazon States Language. */

/** A state's failure: a name such as `States.Timeout`, and what AWS says of it, if anything. */
export class StatesError extends Error {
  /** The error name, as `Retry` and `Catch` match it. */
  readonly error: string;
  /** Undefined where AWS gives none, as for a timeout. */
  readonly explanation: string | undefined;

  constructor(error: string, explanation?: string) {
    super(explanation ?? error);
    this.name = 'StatesError';
    this.error = error;
    this.explanation = explanation;
  }
}

/** 256 KiB, the most that may pass between states or into and out of a task. */
const payloadLimit = 262_144;

/**
 * Returns `value` unless its JSON is larger than AWS carries.
 * @param source the state or service it came from, for the message
 */
export function withinLimit<T>(value: T, source: string): T {
  if (Buffer.byteLength(JSON.stringify(value) ?? '') <= payloadLimit) return value;
  throw new StatesError(
    'States.DataLimitExceeded',
    `The state/task '${source}' returned a result with a size exceeding the maximum number of bytes service limit.`,
  );
}
