/** What a tester orders to go wrong: the next calls, or the predictions they create. */
import { z } from 'zod';

/** Faults of a call: the prediction is not created, or it is and the answer is lost. */
const callFaults = ['throttled', 'out-of-credit', 'unavailable', 'cut', 'lost-answer', 'no-answer'] as const;

/** Faults of a prediction, in the words that Replicate and its models were seen to use. */
const errors = {
  moderation: 'The input or output was flagged as sensitive. Please try again with different inputs. (E005)',
  nsfw: 'NSFW content detected. Try running it again, or try a different prompt.',
  'cuda-memory': 'CUDA out of memory. Tried to allocate 20.00 GiB (GPU 0; 79.15 GiB total capacity)',
  truncated: 'image file is truncated (12 bytes not processed)',
  unreadable: 'cannot identify image file <_io.BytesIO object at 0x7f5d1c0a2e30>',
  interrupted: 'Prediction interrupted; please retry (code: PA)',
  E1000: 'An unknown error occurred. (E1000)',
  E1001: 'The model ran out of memory and was terminated. (E1001)',
  E6716: 'The prediction failed to start within the expected time. (E6716)',
};
const predictionFaults = Object.keys(errors) as (keyof typeof errors)[];
const errorsByFault: Record<string, string> = errors;

/** The error of a prediction with that fault; a code of Replicate's is followed by a reference. */
export function errorOf(fault: string | undefined, predictionId: string): string | undefined {
  const words = errorsByFault[fault ?? ''];
  return words?.replace(/\(E\d+\)$/, (code) => `${code} (${predictionId.slice(0, 10)})`);
}

export const order = z.object({
  /** `hang`: the prediction runs until its deadline. */
  fault: z.enum([...callFaults, ...predictionFaults, 'hang']),
  /** How many calls it strikes. */
  calls: z.int().positive().default(1),
  /** Which calls; any by default, though only a create has credit or a prediction to lose. */
  call: z.enum(['create', 'get', 'list', 'cancel']).optional(),
});

export type FaultOrder = z.output<typeof order>;
export type Fault = FaultOrder['fault'];
export type Call = NonNullable<FaultOrder['call']>;

/** Whether it happens to the prediction that a call creates, rather than the call. */
export const isOfPrediction = (fault: string): boolean => fault === 'hang' || fault in errors;

export type Faults = {
  order(order: FaultOrder): void;
  /** What is still to strike. */
  pending(): FaultOrder[];
  clear(): void;
  /** The fault that strikes this call, used up once. */
  strike(call: Call): Fault | undefined;
};

export function createFaults(): Faults {
  let orders: FaultOrder[] = [];
  const strikes = ({ fault, call: only }: FaultOrder, call: Call) => {
    const onCreateOnly = fault === 'out-of-credit' || isOfPrediction(fault);
    return (only ?? (onCreateOnly ? 'create' : call)) === call;
  };
  return {
    order: (next) => void orders.push({ ...next }),
    pending: () => orders,
    clear() {
      orders = [];
    },
    strike(call) {
      const next = orders.find((candidate) => strikes(candidate, call));
      if (next) next.calls -= 1;
      orders = orders.filter(({ calls }) => calls > 0);
      return next?.fault;
    },
  };
}
