/** The Data API's open transactions: each holds a session for three idle minutes at most. */
import { randomBytes } from 'node:crypto';
import type { Clock, Timer } from '../clock/index.ts';
import { AwsError } from '../gateway/index.ts';
import type { TextResult } from './result.ts';
import type { Query, Session } from './sessions.ts';

export type Transactions = {
  /** @returns its id */
  begin(session: Session, secretArn: string): Promise<string>;
  run(id: string, secretArn: string, query: Query): Promise<TextResult>;
  /** Ends it; fails where PostgreSQL rolls back instead, since a statement had failed. */
  end(id: string, secretArn: string, how: 'commit' | 'rollback'): Promise<void>;
  /** Rolls all of them back. */
  stop(): Promise<void>;
};

type Open = { session: Session; secretArn: string; idle?: Timer };

const longestIdleMs = 3 * 60_000;
const plain = (text: string): Query => ({ text, values: [], continueAfterTimeout: false });

export function createTransactions(clock: Pick<Clock, 'after'>): Transactions {
  const open = new Map<string, Open>();

  function find(id: string, secretArn: string): Open {
    const transaction = open.get(id);
    if (transaction?.secretArn === secretArn) return transaction;
    throw new AwsError('TransactionNotFoundException', `Transaction ${id} is not found`, 404);
  }
  function awaitNext(id: string, transaction: Open): void {
    transaction.idle?.cancel();
    transaction.idle = clock.after(longestIdleMs, () => void abandon(id));
  }
  /** Ending a session rolls back what is open in it. */
  async function abandon(id: string): Promise<void> {
    const transaction = open.get(id);
    open.delete(id);
    transaction?.idle?.cancel();
    await transaction?.session.end();
  }
  return {
    async begin(session, secretArn) {
      await session.run(plain('begin'));
      const id = randomBytes(48).toString('base64');
      const transaction = { session, secretArn };
      open.set(id, transaction);
      awaitNext(id, transaction);
      return id;
    },
    async run(id, secretArn, query) {
      const transaction = find(id, secretArn);
      transaction.idle?.cancel();
      try {
        return await transaction.session.run(query);
      } finally {
        if (open.has(id)) awaitNext(id, transaction);
      }
    },
    async end(id, secretArn, how) {
      const { session } = find(id, secretArn);
      try {
        await endIn(session, how);
      } finally {
        await abandon(id);
      }
    },
    async stop() {
      await Promise.all([...open.keys()].map(abandon));
    },
  };
}

async function endIn(session: Session, how: 'commit' | 'rollback'): Promise<void> {
  const { command } = await session.run(plain(how));
  if (how !== 'commit' || command === 'COMMIT') return;
  const reason = 'The database returned ROLLBACK, so the transaction cannot be committed.';
  throw new AwsError('DatabaseErrorException', `ERROR: ${reason}; SQLState: 25P02`);
}
