/** Reads a state machine's definition: the part of the Amazon States Language that runs here. */
import { z } from 'zod';
import type { StateMachineModel } from '../template/index.ts';
import { expressionIn } from './expressions.ts';
import { isImplemented } from './tasks.ts';

const errorNames = z.array(z.string()).min(1);
const assign = z.record(z.string(), z.unknown());
/** RFC 3339. */
export const timestamp = z.iso.datetime({ offset: true });
const expression = z.string().refine((text) => expressionIn(text) !== undefined);
/** A number, or an expression for one. */
const amount = z.union([z.number(), z.string()]);
const described = { Comment: z.string().optional(), QueryLanguage: z.string().optional() };
const result = { Output: z.unknown().optional(), Assign: assign.optional() };
const onward = { Next: z.string().optional(), End: z.boolean().optional() };

const retrier = z.strictObject({
  ErrorEquals: errorNames,
  IntervalSeconds: z.number().positive().default(1),
  BackoffRate: z.number().min(1).default(2),
  MaxAttempts: z.int().min(0).default(3),
  MaxDelaySeconds: z.number().positive().optional(),
  JitterStrategy: z.enum(['FULL', 'NONE']).default('NONE'),
  Comment: z.string().optional(),
});
const catcher = z.strictObject({
  ErrorEquals: errorNames,
  Next: z.string(),
  ...result,
  Comment: z.string().optional(),
});
const choice = z.strictObject({
  Condition: z.union([z.string(), z.boolean()]),
  Next: z.string(),
  ...result,
  Comment: z.string().optional(),
});

const state = z.discriminatedUnion('Type', [
  z.strictObject({
    Type: z.literal('Task'),
    ...described,
    ...onward,
    ...result,
    Resource: z.string().refine(isImplemented, {
      error: ({ input }) => `The local Step Functions does not implement ${input}.`,
    }),
    Arguments: z.unknown().optional(),
    TimeoutSeconds: amount.optional(),
    Retry: z.array(retrier).default([]),
    Catch: z.array(catcher).default([]),
  }),
  z.strictObject({
    Type: z.literal('Wait'),
    ...described,
    ...onward,
    ...result,
    Seconds: amount.optional(),
    Timestamp: z.union([expression, timestamp]).optional(),
  }),
  z.strictObject({
    Type: z.literal('Choice'),
    ...described,
    ...result,
    Choices: z.array(choice).min(1),
    Default: z.string().optional(),
  }),
  z.strictObject({ Type: z.literal('Pass'), ...described, ...onward, ...result }),
  z.strictObject({ Type: z.literal('Succeed'), ...described, ...result }),
  z.strictObject({
    Type: z.literal('Fail'),
    ...described,
    Error: z.string().optional(),
    Cause: z.string().optional(),
  }),
]);

const definition = z.strictObject({
  Comment: z.string().optional(),
  QueryLanguage: z.string().optional(),
  Version: z.string().optional(),
  StartAt: z.string(),
  TimeoutSeconds: z.int().positive().optional(),
  States: z.record(z.string(), state),
});

const languages = z.looseObject({
  QueryLanguage: z.string().optional(),
  States: z.record(z.string(), z.looseObject({ Type: z.string(), QueryLanguage: z.string().optional() })),
});

export type Definition = z.infer<typeof definition>;
export type State = z.infer<typeof state>;
export type StateOf<T extends State['Type']> = Extract<State, { Type: T }>;
export type Retrier = z.infer<typeof retrier>;
export type Catcher = z.infer<typeof catcher>;

/** A state machine, ready to run. */
export type Machine = Omit<StateMachineModel, 'definition' | 'policy'> & { definition: Definition };

const types = new Set(['Task', 'Wait', 'Choice', 'Pass', 'Succeed', 'Fail']);

/** Reads the definition; throws an error that names the machine and the state it cannot run. */
export function readMachine({ logicalId, name, arn, definition: source }: StateMachineModel): Machine {
  const { QueryLanguage: language = 'JSONPath', States: states } = languages.parse(source);
  for (const [title, { Type: type, QueryLanguage: own = language }] of Object.entries(states)) {
    const where = `State machine ${name}, state ${title}`;
    if (own !== 'JSONata') throw new Error(`${where}: ${own} is not implemented locally, only JSONata is.`);
    if (!types.has(type)) throw new Error(`${where}: ${type} states are not implemented locally.`);
  }
  const read = definition.safeParse(source);
  if (!read.success) throw new Error(`State machine ${name}: ${z.prettifyError(read.error)}`);
  return { logicalId, name, arn, definition: read.data };
}
