/**
 * Lets every two statements meet that can arrive in a situation, and holds what comes of it to what
 * they do one after the other.
 */
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { meet, race } from '../at-once.ts';
import { type TestDatabase, testDatabase } from '../database.ts';
import { type Shop, shopOn } from '../orders.ts';
import type { RunOptions } from '../run-statement.ts';
import type { Arrival, Subject } from './arrivals.ts';
import { type Answers, faultsOf, type Outcome, plainly } from './outcome.ts';
import { type Situation, subjectOf } from './situation.ts';
import { nameOf, pairsOf } from './table.ts';
import { asInALargeShop, empty, everyRow, everything, type Rows, restore, save, tidy } from './world.ts';

/** A test for every pair in every one of the situations. */
export function testMeetings(situations: Situation[]): void {
  let database: TestDatabase;
  let shop: Shop;
  let met = 0;
  beforeAll(async () => {
    database = await testDatabase();
    shop = shopOn(database);
    await asInALargeShop(database);
  });
  afterAll(() => database?.drop());

  describe.each(situations)('$name:', (situation) => {
    let table: Table;
    beforeAll(async () => {
      await empty(database);
      const subject = subjectOf(await situation.make(shop));
      await save(database);
      table = { database, shop, subject, before: await everything(database) };
    });
    test.each(pairsOf(situation).map(([one, other]) => [nameOf(one), nameOf(other), one, other] as const))(
      '%s meets %s',
      async (_one, _other, one, other) => {
        if (++met % 10 === 0) await tidy(database);
        const inOrder = await inTurn(table, one, other);
        if (one === other && !one.counts) await expectNoMore(table, one, inOrder);
        const reversed = turned(one === other ? inOrder : await inTurn(table, other, one));
        // Who only looks stops at no row.
        if (!one.looks && !other.looks) await expectRace(table, [one, other], { inOrder, reversed });
        await expectMeeting(table, [one, other], { inOrder, reversed });
        if (one !== other)
          await expectMeeting(table, [other, one], { inOrder: turned(reversed), reversed: turned(inOrder) });
      },
    );
  });
}

type Pair = [Arrival, Arrival];
type Serial = { inOrder: Outcome; reversed: Outcome };

/** The situation of a test: what it begins from each time. */
type Table = { database: TestDatabase; shop: Shop; subject: Subject; before: Rows };

/** A refusal by a trigger is an answer too: the step fails, and its message comes again. */
const acting =
  ({ shop, subject }: Table, { run }: Arrival) =>
  (options: RunOptions): Promise<object[]> =>
    run(shop, subject, options).catch((error) => {
      if (error?.code !== 'RC006') throw error;
      return [{ refused: error.code }];
    });

/** What comes of it when everything is as before, which must be sound. */
async function outcomeOf({ database, before }: Table, run: () => Promise<Answers>): Promise<Outcome> {
  await restore(database);
  const answers = await run();
  const rows = await everything(database);
  expect(faultsOf(before, rows, answers)).toEqual([]);
  return plainly(answers, rows);
}

const inTurn = (table: Table, first: Arrival, second: Arrival): Promise<Outcome> =>
  outcomeOf(table, async () => [await acting(table, first)({}), await acting(table, second)({})]);

/** The same with the answers in the other order. */
const turned = ({ answers: [one, two], rows }: Outcome): Outcome => ({ answers: [two, one], rows });

/** Delivered again, it has changed nothing. */
async function expectNoMore(table: Table, one: Arrival, twice: Outcome): Promise<void> {
  const once = await outcomeOf(table, async () => [await acting(table, one)({}), []]);
  expect(twice.rows).toEqual(once.rows);
}

/**
 * Whoever had to try again came after the other; if nobody had to, either may count as the first.
 */
async function expectMeeting(table: Table, [first, second]: Pair, serial: Serial): Promise<void> {
  let allowed = Object.values(serial);
  const outcome = await outcomeOf(table, async () => {
    const { answers, again } = await meet(table.database, acting(table, first), acting(table, second));
    if (again.second) allowed = [serial.inOrder];
    else if (again.first) allowed = [serial.reversed];
    return answers;
  });
  expectOneOf(outcome, allowed);
}

/**
 * Stopped in the midst of their work and let go together: nobody knows who is first, and a deadlock
 * is tried again.
 */
async function expectRace(table: Table, [first, second]: Pair, serial: Serial): Promise<void> {
  const outcome = await outcomeOf(table, () =>
    race(table.database, everyRow, acting(table, first), acting(table, second)),
  );
  expectOneOf(outcome, Object.values(serial));
}

function expectOneOf(outcome: Outcome, allowed: Outcome[]): void {
  const same = allowed.find((one) => JSON.stringify(one) === JSON.stringify(outcome));
  expect(outcome).toEqual(same ?? allowed[0]);
}
