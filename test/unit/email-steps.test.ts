import { afterEach, beforeEach, describe, expect, jest, test } from '@jest/globals';
import { clientError, internalError, permanentFailure, retryLater } from '../../lambdas/platform/errors.ts';
import type { EmailProvider } from '../../lambdas/providers/email.ts';
import { apiEvent, sqsEvent } from './aws.ts';
import { type Edges, failuresOf, type Row, replaceEdges } from './edges.ts';
import { replaceS3 } from './s3.ts';

const provider = {
  send: jest.fn<EmailProvider['send']>(),
  verifyEvents: jest.fn<EmailProvider['verifyEvents']>(),
};
jest.unstable_mockModule('../../lambdas/email/provider.ts', () => ({ emailProvider: async () => provider }));
const sendEmail = await import('../../lambdas/email/send-email/handler.ts');
const receiveEvents = await import('../../lambdas/email/receive-sendgrid-events/handler.ts');
const unsubscribe = await import('../../lambdas/email/unsubscribe/handler.ts');
const { seededToken } = await import('../../lambdas/download/token.ts');

const emailId = '6f1c2b1e-0000-4000-8000-00000000000d';
const orderId = '6f1c2b1e-0000-4000-8000-00000000000b';
const photoId = '6f1c2b1e-0000-4000-8000-00000000000c';
const linkId = '6f1c2b1e-0000-4000-8000-00000000000e';

let edges: Edges;
let s3: ReturnType<typeof replaceS3>;
beforeEach(() => {
  edges = replaceEdges();
  s3 = replaceS3();
  provider.send.mockReset().mockResolvedValue({ messageId: 'm1' });
  provider.verifyEvents.mockReset();
});
afterEach(() => void jest.restoreAllMocks());

const claim = 'email/send-email/claim';
const settle = 'email/send-email/settle';
const email = (more: Row = {}): Row => ({
  outcome: 'claimed',
  unwanted: false,
  waitSeconds: 77,
  attempt: 1,
  orderId,
  orderNumber: '20260101-000001',
  paymentStatus: 'paid',
  currency: 'USD',
  totalAmount: '10.00',
  photoCount: 2,
  emailType: 'restoration_complete',
  toEmail: 'ada@example.com',
  toName: 'Ada; Countess, of Lovelace',
  ccEmails: null,
  dynamicData: [],
  archiveLinkId: null,
  linksExpireAt: '2026-01-08T00:00:00Z',
  originalFilename: 'Grandma <b>1943</b>.jpg',
  photoStatus: 'completed',
  restoredId: photoId,
  format: 'png',
  mimeType: 'image/png',
  attachmentPath: null,
  ...more,
});
const settled = (outcome: string, lookAgainSeconds: number | null = null): Row[] => [
  { outcome, lookAgainSeconds },
];
const deliver = async () => failuresOf(await sendEmail.handler(sqsEvent({ emailId })));

describe('send-email', () => {
  test('sends what it took, and writes that down', async () => {
    edges.answer(claim, [email()]);
    edges.answer(settle, settled('sent'));
    expect(await deliver()).toEqual([]);
    expect(edges.statements()).toEqual([claim, settle]);
    expect(edges.paramsOf(settle)).toMatchObject({ outcome: 'sent', messageId: 'm1', errorCode: null });
    expect(edges.sent).toEqual([]);
  });

  test('carries links that only this call can have made, escaped names and no key in a query', async () => {
    edges.answer(claim, [email(), email({ restoredId: emailId, originalFilename: 'b.jpg' })]);
    edges.answer(settle, settled('sent'));
    await deliver();
    const [message] = provider.send.mock.calls[0] ?? [];
    const seed = String(edges.paramsOf(claim)?.seed);
    expect(seed).toMatch(/^[0-9a-f]{64}$/);
    for (const opens of [photoId, emailId, 'all'])
      expect(message?.text).toContain(`https://api.example/download/${seededToken(seed, opens)}\n`);
    expect(message?.html).not.toContain('<b>1943</b>');
    expect(message?.text).toContain(`https://site.example/orders/${orderId}#key=`);
    expect(message).toMatchObject({ emailId, to: { email: 'ada@example.com' }, cc: [], attachments: [] });
  });

  test('leaves alone what brings photos that are withheld', async () => {
    edges.answer(claim, [email({ outcome: 'withheld' })]);
    expect(await deliver()).toEqual([]);
    expect(edges.statements()).toEqual([claim]);
    expect(edges.sent).toEqual([]);
    expect(provider.send).not.toHaveBeenCalled();
  });

  test('writes to nobody who wants no such mails', async () => {
    edges.answer(claim, [email({ emailType: 'share_family', unwanted: true })]);
    edges.answer(settle, settled('failed'));
    expect(await deliver()).toEqual([]);
    expect(edges.paramsOf(settle)).toMatchObject({ outcome: 'failed', errorCode: 'recipient_unsubscribed' });
    expect(provider.send).not.toHaveBeenCalled();
  });

  test('tells who is written to on another’s word how to stop it, and that works', async () => {
    edges.answer(claim, [email({ emailType: 'share_family', dynamicData: {} })]);
    edges.answer(settle, settled('sent'));
    await deliver();
    const [message] = provider.send.mock.calls[0] ?? [];
    const proof = String(message?.unsubscribeUrl).replace('https://api.example/unsubscribe/', '');
    expect(message?.text).toContain(`https://site.example/unsubscribe#${proof}`);
    edges.answer('email/unsubscribe/unsubscribe', [{ known: true }]);
    expect(await unsubscribe.handler(apiEvent({ path: { proof } }))).toMatchObject({ statusCode: 200 });
    expect(edges.paramsOf('email/unsubscribe/unsubscribe')).toMatchObject({ emailId });
  });

  test('gives customers’ own mails no such button', async () => {
    edges.answer(claim, [email()]);
    edges.answer(settle, settled('sent'));
    await deliver();
    expect(provider.send.mock.calls[0]?.[0]).not.toHaveProperty('unsubscribeUrl');
  });

  test.each(['', emailId, `${emailId}.${'x'.repeat(43)}`])('unsubscribes nobody for “%s”', async (proof) => {
    expect(await unsubscribe.handler(apiEvent({ path: { proof } }))).toMatchObject({ statusCode: 404 });
    expect(edges.ran).toEqual([]);
  });

  test('makes a new seed for each attempt', async () => {
    edges.answer(claim, [email({ outcome: 'ended' })]);
    await deliver();
    await deliver();
    expect(edges.ran[0]?.params.seed).not.toBe(edges.ran[1]?.params.seed);
  });

  test('attaches the photos that the claim says may go along', async () => {
    s3.put('restored/uploads/restored/o/p.png', Buffer.from('picture'));
    edges.answer(claim, [email({ attachmentPath: 'uploads/restored/o/p.png', originalFilename: 'a.jpg' })]);
    edges.answer(settle, settled('sent'));
    await deliver();
    expect(provider.send.mock.calls[0]?.[0].attachments).toEqual([
      { filename: 'a restored.png', mimeType: 'image/png', bytes: Buffer.from('picture') },
    ]);
  });

  test('numbers an attachment as the archive does, though its twin is too large to go along', async () => {
    s3.put('restored/uploads/restored/o/p.png', Buffer.from('picture'));
    edges.answer(claim, [
      email({ originalFilename: 'image.jpg' }),
      email({ originalFilename: 'torn.jpg', restoredId: null, photoStatus: 'failed' }),
      email({ originalFilename: 'IMAGE.JPG', attachmentPath: 'uploads/restored/o/p.png' }),
    ]);
    edges.answer(settle, settled('sent'));
    await deliver();
    const attachments = provider.send.mock.calls[0]?.[0].attachments;
    expect(attachments?.map(({ filename }) => filename)).toEqual(['IMAGE restored (2).png']);
  });

  test('names the photos that failed', async () => {
    edges.answer(claim, [
      email(),
      email({ restoredId: null, photoStatus: 'failed', originalFilename: 'torn.jpg' }),
    ]);
    edges.answer(settle, settled('sent'));
    await deliver();
    expect(provider.send.mock.calls[0]?.[0].text).toContain('torn.jpg');
  });

  test('asks for the archive that its link promises', async () => {
    edges.answer(claim, [email({ archiveLinkId: linkId })]);
    edges.answer(settle, settled('sent'));
    await deliver();
    expect(edges.sent).toEqual([{ to: 'build-archive', message: { linkId }, groupId: orderId }]);
  });

  test.each([
    ['was surely not sent', retryLater('email_unavailable', 'Down.'), 'retry', 'email_unavailable'],
    ['may have been sent', retryLater('send_doubtful', 'Lost.'), 'doubtful', 'send_doubtful'],
    ['cannot be sent', permanentFailure('email_rejected', 'No.'), 'failed', 'email_rejected'],
    ['failed in an unknown way', permanentFailure('new_word', 'No.'), 'failed', 'step_broken'],
  ])('settles an email that %s', async (_what, error, outcome, errorCode) => {
    provider.send.mockRejectedValue(error);
    edges.answer(claim, [email()]);
    edges.answer(settle, settled(outcome, outcome === 'failed' ? null : 600));
    expect(await deliver()).toEqual([]);
    expect(edges.paramsOf(settle)).toMatchObject({ outcome, errorCode, messageId: null });
    expect(edges.sent).toEqual(
      outcome === 'failed' ? [] : [{ to: 'send-email', message: { emailId }, delaySeconds: 600 }],
    );
  });

  test.each([
    ['a refused key', internalError('email_unauthorised', 'Denied.'), 'email_unauthorised'],
    ['a refused sender', internalError('email_sender_refused', 'Denied.'), 'email_sender_refused'],
    ['a secret that may not be read', new Error('AccessDenied'), 'step_broken'],
  ])('takes %s for no fact about the email: it waits, and its message comes again', async (...given) => {
    const [, error, errorCode] = given;
    provider.send.mockRejectedValue(error);
    edges.answer(claim, [email()]);
    edges.answer(settle, settled('retry', 60));
    expect(await deliver()).toEqual(['message-0']);
    expect(edges.paramsOf(settle)).toMatchObject({ outcome: 'retry', errorCode });
    expect(edges.sent).toEqual([]);
  });

  test('looks again when the lease of another run ends, or when it is due', async () => {
    edges.answer(claim, [email({ outcome: 'waiting' })]);
    expect(await deliver()).toEqual([]);
    expect(edges.sent).toEqual([{ to: 'send-email', message: { emailId }, delaySeconds: 77 }]);
    expect(provider.send).not.toHaveBeenCalled();
  });

  test('gives up an email whose attempts are used', async () => {
    edges.answer(claim, [email({ outcome: 'exhausted', attempt: 3 })]);
    edges.answer(settle, settled('failed'));
    expect(await deliver()).toEqual([]);
    expect(edges.paramsOf(settle)).toMatchObject({
      attempt: 3,
      outcome: 'failed',
      errorCode: 'attempts_exhausted',
    });
    expect(provider.send).not.toHaveBeenCalled();
  });

  test('does nothing about an email that has ended', async () => {
    edges.answer(claim, [email({ outcome: 'ended' })]);
    expect(await deliver()).toEqual([]);
    expect([provider.send.mock.calls, edges.sent]).toEqual([[], []]);
  });

  test('comes again when it could not be put together, and waits till then', async () => {
    edges.answer(claim, [email({ attachmentPath: 'gone.png' })]);
    edges.answer(settle, settled('retry', 60));
    expect(await deliver()).toEqual(['message-0']);
    expect(edges.paramsOf(settle)).toMatchObject({ outcome: 'retry', errorCode: 'step_broken' });
    expect(provider.send).not.toHaveBeenCalled();
  });

  test('comes again for an email that is not there yet', async () => {
    edges.answer(claim, []);
    expect(await deliver()).toEqual(['message-0']);
  });
});

describe('receive-sendgrid-events', () => {
  const apply = 'email/receive-sendgrid-events/apply';
  const told = (type: string, of = emailId) => ({ id: `e-${type}`, type, emailId: of, attempt: 1, at: 1 });
  const applied = { received: 1, applied: 1, emailId: null, orderId: null, scheduledFor: null };
  beforeEach(() => edges.answer(apply, [applied]));

  test('asks for what was blocked to be sent again, in its time', async () => {
    edges.answer(apply, [{ ...applied, emailId, orderId, scheduledFor: '2126-01-01 00:00:00+00' }]);
    provider.verifyEvents.mockReturnValue({ odd: 0, events: [told('blocked')] });
    expect(await receiveEvents.handler(apiEvent({ body: '[]' }))).toMatchObject({ statusCode: 200 });
    expect(edges.paramsOf(apply)).toMatchObject({ blockedSeconds: 3600 });
    const notBefore = '2126-01-01T00:00:00.000Z';
    expect(edges.sent).toEqual([
      { to: 'send-email', message: { emailId, notBefore }, groupId: orderId, delaySeconds: 900 },
    ]);
  });

  test('is asked again by SendGrid when that message could not be sent', async () => {
    edges.answer(apply, [{ ...applied, emailId, orderId, scheduledFor: '2126-01-01 00:00:00+00' }]);
    provider.verifyEvents.mockReturnValue({ odd: 0, events: [told('blocked')] });
    edges.refuse('send-email');
    expect(await receiveEvents.handler(apiEvent({ body: '[]' }))).toMatchObject({ statusCode: 500 });
  });

  test('applies what it is told of our emails, and ignores the rest', async () => {
    provider.verifyEvents.mockReturnValue({
      odd: 0,
      events: [
        told('delivered'),
        told('open'),
        { ...told('bounce'), emailId: undefined },
        told('bounce', 'somebody-elses'),
      ],
    });
    expect(await receiveEvents.handler(apiEvent({ body: '[]' }))).toMatchObject({ statusCode: 200 });
    expect(JSON.parse(String(edges.paramsOf(apply)?.events))).toEqual([
      { id: 'e-delivered', type: 'delivered', email_id: emailId, attempt: 1, at: 1 },
    ]);
  });

  test('acknowledges a batch with nothing for us without asking the database', async () => {
    provider.verifyEvents.mockReturnValue({ odd: 0, events: [told('deferred')] });
    expect(await receiveEvents.handler(apiEvent({ body: '[]' }))).toMatchObject({ statusCode: 200 });
    expect(edges.ran).toEqual([]);
  });

  test('hands on the raw bytes and both headers, and refuses what is not signed', async () => {
    provider.verifyEvents.mockImplementation(() => {
      throw clientError('signature_invalid', 'No.');
    });
    const headers = {
      'x-twilio-email-event-webhook-signature': 's',
      'x-twilio-email-event-webhook-timestamp': 't',
    };
    const body = Buffer.from('[ 1 ]');
    const answer = await receiveEvents.handler(
      apiEvent({ body: body.toString('base64'), isBase64Encoded: true, headers }),
    );
    expect(answer).toMatchObject({ statusCode: 400 });
    expect(provider.verifyEvents).toHaveBeenCalledWith(body, 's', 't');
  });

  test('does not acknowledge events that the database did not take', async () => {
    provider.verifyEvents.mockReturnValue({ odd: 0, events: [told('delivered')] });
    edges.answer(apply, new Error('down'));
    expect(await receiveEvents.handler(apiEvent({ body: '[]' }))).toMatchObject({ statusCode: 500 });
  });
});
