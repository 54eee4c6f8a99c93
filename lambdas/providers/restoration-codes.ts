/** The closed list of codes for what can go wrong with a restoration. */
import { type ErrorKind, type ErrorOptions, StepError } from '../platform/errors.ts';

type Entry = {
  /** `retry` and `internal` are worth another try, `permanent` is not. */
  kind: Exclude<ErrorKind, 'client'>;
  /** What happened, in a sentence for people. */
  meaning: string;
  /** What an operator does about it. */
  operator: string;
};

export const restorationCodes = {
  provider_throttled: {
    kind: 'retry',
    meaning: 'The restoration service asked us to slow down.',
    operator:
      'Nothing: the photo waits for its turn. If it goes on, add credit at the provider, or ask it for a higher limit.',
  },
  provider_unavailable: {
    kind: 'retry',
    meaning: 'The restoration service did not answer.',
    operator: 'Look at the provider’s status page; jobs go on by themselves when it is back.',
  },
  provider_out_of_credit: {
    kind: 'retry',
    meaning: 'The account at the restoration service has no credit left.',
    operator: 'Add credit at the provider, then redrive submit-job.',
  },
  provider_misconfigured: {
    kind: 'internal',
    meaning: 'The restoration service refused our token or does not know our model.',
    operator: 'Check the API token’s secret and the model setting, then redrive submit-job.',
  },
  submission_uncertain: {
    kind: 'retry',
    meaning: 'A prediction was asked for and no answer came: it may have started.',
    operator: 'Nothing. The next run looks for it before it creates another.',
  },
  input_unmarked: {
    kind: 'internal',
    meaning:
      'The address of the photo does not say which attempt it is for, so its prediction could not be found again.',
    operator:
      'A fault of the code that presigns the address: correct and deploy it, then redrive submit-job.',
  },
  input_rejected: {
    kind: 'permanent',
    meaning: 'The restoration service cannot read this photo.',
    operator:
      'Refund the photo. If its original is sound, report it: we should not have sold it, or should convert it.',
  },
  input_unavailable: {
    kind: 'retry',
    meaning: 'The restoration service could not download the photo.',
    operator:
      'If it goes on: check that the original exists, and that its presigned address lives long enough.',
  },
  moderation_refused: {
    kind: 'permanent',
    meaning: 'The restoration service’s moderation refused this photo.',
    operator: 'Refund the photo; the provider does not reverse such refusals.',
  },
  provider_out_of_memory: {
    kind: 'retry',
    meaning: 'The restoration model ran out of memory.',
    operator:
      'Nothing: another machine may have room. Once failed for good: refund the photo, and sell smaller ones (`maxPixels`).',
  },
  prediction_failed: {
    kind: 'retry',
    meaning: 'The restoration model failed.',
    operator:
      'Read the prediction’s log at the provider within an hour. Once failed for good: refund the photo.',
  },
  prediction_timed_out: {
    kind: 'retry',
    meaning: 'The prediction did not start or end in time.',
    operator: 'Nothing; if it goes on, look at the provider’s status page and at the deadline setting.',
  },
  prediction_canceled: {
    kind: 'retry',
    meaning: 'The prediction was canceled at the provider.',
    operator: 'Find out who canceled it. Another attempt follows; once failed for good: refund the photo.',
  },
  prediction_interrupted: {
    kind: 'retry',
    meaning: 'The restoration service interrupted the prediction.',
    operator: 'Nothing: another attempt follows. If it goes on, look at the provider’s status page.',
  },
  prediction_unknown: {
    kind: 'retry',
    meaning: 'The restoration service does not know the prediction.',
    operator: 'Check that the token belongs to the account that created it.',
  },
  poller_broken: {
    kind: 'retry',
    meaning: 'The poller that watched the prediction broke or was stopped.',
    operator: 'Read the failed execution in Step Functions; another attempt follows by itself.',
  },
  output_gone: {
    kind: 'retry',
    meaning: 'The restored photo was deleted at the provider before it was stored.',
    operator:
      'Nothing: another attempt makes it anew. If it goes on, see why storing takes more than an hour.',
  },
  output_unavailable: {
    kind: 'retry',
    meaning: 'The restored photo could not be downloaded.',
    operator: 'Nothing; it is tried again while the provider keeps the file.',
  },
  output_refused: {
    kind: 'permanent',
    meaning: 'The restored photo lies at an address that we do not fetch from.',
    operator:
      'Refund the photo. If the provider moved its files, add the new host to the setting (`outputHosts`).',
  },
  output_too_large: {
    kind: 'permanent',
    meaning: 'The restored photo is larger than we accept.',
    operator: 'Refund the photo. If the picture is genuine, raise the limit (`maxOutputBytes`).',
  },
  output_unreadable: {
    kind: 'retry',
    meaning: 'The prediction’s output is not a picture.',
    operator: 'Check that the model’s output is one image. Once failed for good: refund the photo.',
  },
} as const satisfies Record<string, Entry>;

export type RestorationCode = keyof typeof restorationCodes;

/** Whether another attempt may succeed. A code not listed may: attempts are bounded. */
export const isRetryable = (code: string): boolean => !isFinal.has(code);

const isFinal: ReadonlySet<string> = new Set(
  Object.entries(restorationCodes).flatMap(([code, { kind }]) => (kind === 'permanent' ? [code] : [])),
);

const elsewhere: ReadonlySet<string> = new Set<RestorationCode>([
  'provider_throttled',
  'provider_unavailable',
  'provider_out_of_credit',
  'provider_misconfigured',
  'submission_uncertain',
  'input_unmarked',
  'input_unavailable',
  'prediction_interrupted',
  'prediction_unknown',
  'poller_broken',
  'output_gone',
  'output_unavailable',
]);

/** Whether a code says something of the photo, and not that somebody denied us or was not there. */
export const isAboutPhoto = (code: string): boolean => !elsewhere.has(code);

/** The error of that code, in its own sentence. */
export function restorationError(code: RestorationCode, options?: ErrorOptions): StepError {
  const { kind, meaning } = restorationCodes[code];
  return new StepError(kind, code, meaning, options);
}
