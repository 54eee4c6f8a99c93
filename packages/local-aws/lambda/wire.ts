/** What the Lambda service and a function's process say to each other. */
import type { OutsideCall, SentRule } from '../faults/index.ts';

/** A failure in Lambda's shape. */
export type FunctionError = { errorType: string; errorMessage: string; trace?: string[] };

export type Invocation = {
  type: 'invoke';
  requestId: string;
  /** JSON. */
  payload: string;
  functionArn: string;
  timeoutMs: number;
  /** How far the local clock is ahead of the wall, in ms. */
  ahead: number;
  rules: SentRule[];
};

export type Report =
  /** The bundle is loaded and its handler is about to run. */
  | { type: 'ready' }
  | { type: 'call'; call: OutsideCall; ruleId?: number }
  /** @property payload JSON */
  | { type: 'done'; payload: string }
  | { type: 'failed'; error: FunctionError }
  /** The bundle cannot be loaded: this process is of no use. */
  | { type: 'unusable'; error: FunctionError };

/** How a process is set up, in the one argument of its command line, as JSON. */
export type Setup = {
  functionName: string;
  /** Absolute path of the bundle's folder. */
  folder: string;
  /** `index.handler` */
  handler: string;
  memoryMb: number;
  /** The process is killed when it holds more. */
  residentLimitMb: number;
  hosts: Readonly<Record<string, string>>;
};
