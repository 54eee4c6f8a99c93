/** What a tester orders to go wrong: the next calls, or the predictions they create. */
import { z } from 'zod';

/** Faults of a call: the prediction is not created, or is created and the answer lost. */
const callFaults = ['throttled', 'out-of-credit', 'unavailable', 'cut', 'lost-answer', 'no-answer'] as const;

/** Faults of a prediction, and the words in which Replicate reports them; `hang` runs until its deadline. */
export const predictionErrors: Record<string, string> = {
  moderation: 'The input or output was flagged as sensitive. Please try again with different inputs. (E005)',
  E1000: 'An unknown error occurred. (E1000)',
  E1001: 'The model ran out of memory and was terminated. (E1001)',
  E6716: 'The prediction failed to start within the expected time. (E6716)',
};

export const order = z.object({
  fault: z.enum([...callFaults, 'moderation', 'E1000', 'E1001', 'E6716', 'hang']),
  /** How many calls it strikes. */
  calls: z.int().positive().default(1),
  /** Which calls; any by default, though only a create can be refused for credit or make a prediction fail. */
  call: z.enum(['create', 'get', 'list', 'cancel']).optional(),
});

export type FaultOrder = z.output<typeof order>;
export type Fault = FaultOrder['fault'];
export type Call = NonNullable<FaultOrder['call']>;

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
    const onCreateOnly = fault === 'hang' || fault === 'out-of-credit' || fault in predictionErrors;
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
