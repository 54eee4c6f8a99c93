/** Redriving: tasks that move what lies in a dead-letter queue back to where it came from. They survive a restart. */
import { randomUUID } from 'node:crypto';
import type { Clock } from '../clock.ts';
import { AwsError } from '../gateway/service.ts';
import type { Collection } from '../store.ts';
import type { Queue } from './queue.ts';

export type MoveTask = {
  handle: string;
  sourceArn: string;
  /** Where to; by default each message returns to the queue that gave it up. */
  destinationArn?: string;
  messagesPerSecond?: number;
  status: 'RUNNING' | 'COMPLETED' | 'CANCELLING' | 'CANCELLED' | 'FAILED';
  failureReason?: string;
  /** ms by the clock. */
  startedAt: number;
  /** What lay there at the start. What comes back meanwhile is not moved again, or a broken consumer would keep it circling. */
  messageIds: string[];
  moved: number;
};

export type MoveTasks = {
  start(task: Pick<MoveTask, 'sourceArn' | 'destinationArn' | 'messagesPerSecond'>): Promise<MoveTask>;
  /** The newest first. */
  list(sourceArn: string): MoveTask[];
  /** The task of a handle; throws when there is none. */
  find(handle: string): MoveTask;
  /** Resolves with the task as it then stands. */
  cancel(task: MoveTask): Promise<MoveTask>;
};

/**
 * @param stored tasks by their handle; those that were running go on
 * @param closing ends the work, to go on after the next start
 */
export function createMoveTasks({
  stored,
  clock,
  queue,
  closing,
}: {
  stored: Collection<MoveTask>;
  clock: Clock;
  queue(arn: string): Queue | undefined;
  closing: AbortSignal;
}): MoveTasks {
  const save = (task: MoveTask) => stored.put(task.handle, task);
  const current = (task: MoveTask) => stored.get(task.handle) ?? task;

  /** Moves one message, as new: a fresh id, age and receive count. False when it is unknown where to. */
  async function move(task: MoveTask, source: Queue, id: string): Promise<boolean> {
    const message = source.find(id);
    if (!message || message.visibleAt > clock.now()) return true;
    const destination = queue(task.destinationArn ?? message.deadLetterSource ?? '');
    if (!destination) return false;
    const { body, attributes, groupId, senderId } = message;
    await destination.send(body, { attributes, senderId, delaySeconds: 0, ...(groupId && { groupId }) });
    await source.remove(id);
    await save({ ...current(task), moved: current(task).moved + 1 });
    return true;
  }

  async function run(task: MoveTask) {
    const source = queue(task.sourceArn);
    if (!source) return;
    for (const id of task.messageIds.filter((each) => source.find(each))) {
      if (closing.aborted) return;
      if (current(task).status === 'CANCELLING') return save({ ...current(task), status: 'CANCELLED' });
      if (!(await move(task, source, id))) {
        return save({ ...current(task), status: 'FAILED', failureReason: 'CouldNotDetermineMessageSource' });
      }
      if (task.messagesPerSecond) await clock.sleep(1000 / task.messagesPerSecond, closing);
    }
    const ended = current(task);
    await save({ ...ended, status: ended.status === 'CANCELLING' ? 'CANCELLED' : 'COMPLETED' });
  }

  const active = ({ status }: MoveTask) => status === 'RUNNING' || status === 'CANCELLING';
  const tasks = () => stored.entries().map(([, task]) => task);
  for (const task of tasks().filter(active)) void run(task);

  return {
    async start(asked) {
      const source = queue(asked.sourceArn);
      if (!source)
        throw new AwsError(
          'ResourceNotFoundException',
          "The resource that you specified for the SourceArn parameter doesn't exist.",
          404,
        );
      if (tasks().some((task) => task.sourceArn === asked.sourceArn && active(task))) {
        throw new AwsError(
          'UnsupportedOperation',
          'There is already a task running. Only one active task is allowed for a source queue arn at a given time.',
        );
      }
      const startedAt = clock.now();
      const handle = Buffer.from(
        JSON.stringify({ taskId: randomUUID(), sourceArn: asked.sourceArn }),
      ).toString('base64');
      const messageIds = source.messages().map(({ id }) => id);
      const task: MoveTask = { ...asked, handle, status: 'RUNNING', startedAt, messageIds, moved: 0 };
      await save(task);
      void run(task);
      return task;
    },
    list: (sourceArn) =>
      tasks()
        .filter((task) => task.sourceArn === sourceArn)
        .reverse(),
    find(handle) {
      const task = stored.get(handle);
      if (!task)
        throw new AwsError('ResourceNotFoundException', 'The task handle does not name a task.', 404);
      return task;
    },
    async cancel(task) {
      if (task.status !== 'RUNNING') {
        throw new AwsError('UnsupportedOperation', 'Only active tasks can be cancelled.');
      }
      const cancelling: MoveTask = { ...task, status: 'CANCELLING' };
      await save(cancelling);
      return cancelling;
    },
  };
}
