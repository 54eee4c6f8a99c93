export { createEventSource, type EventSource } from './event-source.ts';
export { createLambda, type Lambda, type LambdaOptions } from './lambda.ts';
export type { LambdaResult } from './process.ts';
