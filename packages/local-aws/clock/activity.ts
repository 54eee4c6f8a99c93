/** Counts the work under way, so that a test can wait for its end instead of sleeping. */

export type Activity = {
  begin(): void;
  end(): void;
  /** Runs `work` as one piece of activity. */
  during<T>(work: () => Promise<T>): Promise<T>;
  /** Resolves once nothing is under way. What waits on the clock does not count. */
  idle(): Promise<void>;
};

export function createActivity(): Activity {
  let underWay = 0;
  let waiting: (() => void)[] = [];

  function begin() {
    underWay += 1;
  }
  function end() {
    underWay -= 1;
    if (underWay > 0) return;
    const released = waiting;
    waiting = [];
    for (const release of released) release();
  }
  return {
    begin,
    end,
    async during(work) {
      begin();
      try {
        return await work();
      } finally {
        end();
      }
    },
    async idle() {
      while (underWay > 0) await new Promise<void>((resolve) => waiting.push(resolve));
    },
  };
}
