/** Definitions and backends that several tests of Step Functions use. */
import type { LambdaResult } from '../lambda/index.ts';
import { only, start } from './step-functions-setup.ts';

export const day = 86_400;
export const arnOf = (name: string) => `arn:aws:states:us-east-1:000000000000:execution:poller:${name}`;
export const waiting = only({ Type: 'Wait', Seconds: 600, End: true });
export const passing = only({ Type: 'Pass', End: true });
export const later = (seconds: number) => new Date(start + seconds * 1000);

/** Fails until told that all is well. */
export function mendable() {
  let broken = true;
  return {
    mend: () => {
      broken = false;
    },
    lambda: async (payload: unknown): Promise<LambdaResult> =>
      broken ? { functionError: { errorType: 'Broken', errorMessage: 'no' } } : { payload },
  };
}

/** Answers only when released; `begun` resolves with the first call. */
export function hanging() {
  let begin = () => {};
  const begun = new Promise<void>((resolve) => {
    begin = resolve;
  });
  const lambda = () => {
    begin();
    return new Promise<LambdaResult>(() => {});
  };
  return { begun, lambda };
}
