export type { ReceivedMessage } from './message.ts';
export { createSqs, type Sqs } from './sqs.ts';
