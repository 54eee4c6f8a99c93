/** Whoever an alarm wakes finds a page about it, and no page is about an alarm that is no more. */
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, expect, test } from '@jest/globals';
import { z } from 'zod';
import { ask } from '../jest/ask.ts';
import { synthesizeStack } from './synthesized.ts';

const project = join(import.meta.dirname, '../..');
const stack = synthesizeStack();
afterAll(stack.remove);

const template = z.object({
  Resources: z.record(
    z.string(),
    z.object({ Type: z.string(), Properties: z.record(z.string(), z.unknown()).optional() }),
  ),
});

/** The runbook that each alarm of the stack names; '' where it names none. */
async function namedRunbooks(): Promise<string[]> {
  const { assembly } = await ask<{ assembly: string }>('RESTORECLICK_TEST_ASSEMBLY');
  const text = await readFile(join(assembly, 'RestoreClick-local.template.json'), 'utf8');
  return Object.values(template.parse(JSON.parse(text)).Resources)
    .filter(({ Type }) => Type === 'AWS::CloudWatch::Alarm')
    .map(({ Properties }) => /Runbook: (\S+)$/.exec(String(Properties?.AlarmDescription))?.[1] ?? '');
}

test('every alarm names its runbook, and every runbook belongs to an alarm', async () => {
  const files = (await readdir(join(project, 'docs/runbooks'))).map((file) => `docs/runbooks/${file}`);
  // AWS Budgets writes mails of its own, with no room for a runbook's name.
  const named = new Set([...(await namedRunbooks()), 'docs/runbooks/monthly-budget.md']);
  expect([...named].sort()).toEqual(files.sort());
});

test.each(['Look', 'Do', 'When it is safe', 'How to see that it worked'])(
  'every runbook has a chapter “%s”',
  async (chapter) => {
    const folder = join(project, 'docs/runbooks');
    const files = await readdir(folder);
    const texts = await Promise.all(files.map((file) => readFile(join(folder, file), 'utf8')));
    expect(files.filter((_, index) => !texts[index]?.includes(`\n## ${chapter}\n`))).toEqual([]);
  },
);

test('the words of operating.md mean what there is on one machine', async () => {
  const page = await readFile(join(project, 'docs/operating.md'), 'utf8');
  const [, local = ''] = page.split('## On one machine');
  const { database } = stack.model;
  expect(local).toContain(`CLUSTER=${database.clusterArn}\n`);
  expect(local).toContain(`SECRET=${database.adminSecretArn}\n`);
  expect(local).toContain(`RECONCILE=${stack.step('operations/reconcile').name}\n`);
  expect(local).toContain(`SWEEP=${stack.step('payment/sweep-payments').name}\n`);
});
