/** The messages of the restoration flow, and what the poller hands from step to step: ids only. */
import { z } from 'zod';
import { attemptCode } from '../error-codes.ts';

/** For `submit-job`. The attempt guards every statement: an earlier message changes nothing. */
export const submitJobMessage = z.object({ jobId: z.guid(), attempt: z.int().positive() });
export type SubmitJobMessage = z.infer<typeof submitJobMessage>;

/** The poller's input; its execution is named `{jobId}-{attempt}`, so each is polled once. */
export const pollerInput = submitJobMessage.extend({
  orderId: z.guid(),
  imageId: z.guid(),
  predictionId: z.string().min(1),
});
export type PollerInput = z.infer<typeof pollerInput>;

/** What the poller hands to `store-restored`. */
export const storeRestoredInput = pollerInput.extend({ outputUrl: z.url() });

/** For `fail-attempt`, from the poller or from `submit-job`. */
export const failAttemptMessage = submitJobMessage.extend({
  code: z.string().transform(attemptCode),
  message: z.string().default(''),
});
export type FailAttemptMessage = z.infer<typeof failAttemptMessage>;

/** For `complete-order`. */
export const completeOrderMessage = z.object({ orderId: z.guid() });
