import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from '@jest/globals';
import { errorCodesFile, errorCodesPage } from '../../bin/error-codes-page.ts';
import { attemptCode, emailCode, errorCodes } from '../../lambdas/error-codes.ts';
import { restorationCodes } from '../../lambdas/providers/restoration-codes.ts';
import { failAttemptMessage } from '../../lambdas/restoration/messages.ts';

const read = (path: string) => readFile(join(import.meta.dirname, '../..', path), 'utf8');

describe('the error codes', () => {
  test('fit their columns, and say in sentences what happened and what to do', () => {
    for (const [code, { meaning, operator }] of Object.values(errorCodes).flatMap((list) =>
      Object.entries(list),
    )) {
      expect(code).toMatch(/^[a-z_]{1,50}$/);
      expect([code, meaning, operator]).toEqual([
        code,
        expect.stringMatching(/^[A-Z].*\.$/),
        expect.stringMatching(/^[A-Z].*\.$/),
      ]);
    }
  });

  test.each([
    ['lambdas/payment/settle-payment/cancel.sql', 'restoration_jobs'],
    ['lambdas/email/receive-sendgrid-events/apply.sql', 'email_queue'],
  ] as const)('that %s writes by itself are listed', async (file, table) => {
    const [assignment = ''] = /error_code = .*/.exec(await read(file)) ?? [];
    const written = [...assignment.matchAll(/'(\w+_\w+)'/g)].map(([, code]) => code ?? '');
    expect(written.length).toBeGreaterThan(0);
    expect(written.filter((code) => !(code in errorCodes[table]))).toEqual([]);
  });

  test('send to a dead-letter queue only where a message can lie in one', () => {
    const told = Object.values(errorCodes)
      .flatMap((list) => Object.entries(list))
      .filter(([, { operator }]) => /redrive/i.test(operator));
    // An attempt or photo that has failed has no message left; what submit-job cannot do has.
    expect(told.filter(([, { operator }]) => !/redrive (submit-job|send-email)\.$/.test(operator))).toEqual(
      [],
    );
    const final = Object.entries(restorationCodes).filter(([, { kind }]) => kind === 'permanent');
    expect(final.filter(([, { operator }]) => !/^Refund the photo/.test(operator))).toEqual([]);
  });

  test('are what their page says; `npx tsx bin/error-codes.ts` writes it anew', async () => {
    expect(await read(errorCodesFile)).toBe(errorCodesPage());
  });

  test('that nobody foresaw are a broken step’s', () => {
    expect(attemptCode('output_gone')).toBe('output_gone');
    expect(attemptCode('unknown_attempt')).toBe('step_broken');
    expect(attemptCode('toString')).toBe('step_broken');
    expect(emailCode('send_doubtful')).toBe('send_doubtful');
    expect(emailCode('unknown_email_type')).toBe('step_broken');
  });

  test('of a message are made known ones before a step sees them', () => {
    const message = { jobId: '6f1c2b1e-0000-4000-8000-000000000001', attempt: 1, code: 'Lambda.Unknown' };
    expect(failAttemptMessage.parse(message)).toEqual({ ...message, code: 'step_broken', message: '' });
  });
});
