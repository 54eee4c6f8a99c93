/** Redriving: tasks that move messages from a dead-letter queue back to where they came from. */
import { randomUUID } from 'node:crypto';
import type { Clock } from '../clock/index.ts';
import { AwsError } from '../gateway/index.ts';
import type { Collection } from '../store/index.ts';
import { messagesOf, type Queue, remove, send } from './queue.ts';

export type MoveTask = {
  handle: string;
  sourceArn: string;
  /** By default each message returns to the queue that gave it up. */
  destinationArn?: string;
  messagesPerSecond?: number;
  status: 'RUNNING' | 'COMPLETED' | 'FAILED';
  failureReason?: string;
  /** ms by the clock. */
  startedAt: number;
  /** What lay there at the start: a broken consumer must not keep later ones circling. */
  messageIds: string[];
  moved: number;
};

export type MoveTasks = {
  start(task: Pick<MoveTask, 'sourceArn' | 'destinationArn' | 'messagesPerSecond'>): Promise<MoveTask>;
  /** The newest first. */
  list(sourceArn: string): MoveTask[];
};

type Options = {
  /** Tasks by their handle; those that were running go on. */
  stored: Collection<MoveTask>;
  clock: Clock;
  queueOf(arn: string): Queue | undefined;
  /** Ends the work, which goes on after the next start. */
  closing: AbortSignal;
};

/**
 * Moves one message, as new: a fresh id, age and receive count.
 * @returns how many were moved: none if it is gone or in flight; undefined if it has no way back
 */
async function move({ queueOf, clock }: Options, task: MoveTask, source: Queue, id: string) {
  const message = source.stored.get(id);
  if (!message || message.visibleAt > clock.now()) return 0;
  const destination = queueOf(task.destinationArn ?? message.deadLetterSource ?? '');
  if (!destination) return undefined;
  const { body, attributes, groupId, senderId } = message;
  await send(destination, body, { attributes, senderId, delaySeconds: 0, ...(groupId && { groupId }) });
  await remove(source, id);
  return 1;
}

async function run(options: Options, task: MoveTask): Promise<void> {
  const { stored, clock, queueOf, closing } = options;
  const source = queueOf(task.sourceArn);
  if (!source) return;
  let moved = task.moved;
  const save = (change: Partial<MoveTask>) => stored.put(task.handle, { ...task, moved, ...change });
  for (const id of task.messageIds.filter((each) => source.stored.get(each))) {
    if (closing.aborted) return;
    const count = await move(options, task, source, id);
    if (count === undefined)
      return save({ status: 'FAILED', failureReason: 'CouldNotDetermineMessageSource' });
    moved += count;
    await save({});
    if (task.messagesPerSecond) await clock.sleep(1000 / task.messagesPerSecond, closing);
  }
  await save({ status: 'COMPLETED' });
}

export function createMoveTasks(options: Options): MoveTasks {
  const { stored, clock, queueOf } = options;
  const tasksOf = (sourceArn?: string) =>
    stored
      .entries()
      .map(([, task]) => task)
      .filter((task) => sourceArn === undefined || task.sourceArn === sourceArn);
  const isRunning = ({ status }: MoveTask) => status === 'RUNNING';
  for (const task of tasksOf().filter(isRunning)) void run(options, task);

  return {
    async start(asked) {
      const { sourceArn } = asked;
      const source = queueOf(sourceArn);
      if (!source) {
        const reason = "The resource that you specified for the SourceArn parameter doesn't exist.";
        throw new AwsError('ResourceNotFoundException', reason, 404);
      }
      if (tasksOf(sourceArn).some(isRunning)) {
        const rule = 'Only one active task is allowed for a source queue arn at a given time.';
        throw new AwsError('UnsupportedOperation', `There is already a task running. ${rule}`);
      }
      const id = JSON.stringify({ taskId: randomUUID(), sourceArn });
      const task: MoveTask = {
        ...asked,
        handle: Buffer.from(id).toString('base64'),
        status: 'RUNNING',
        startedAt: clock.now(),
        messageIds: messagesOf(source).map((message) => message.id),
        moved: 0,
      };
      await stored.put(task.handle, task);
      void run(options, task);
      return task;
    },
    list: (sourceArn) => tasksOf(sourceArn).reverse(),
  };
}
