/** What lets an email's recipient say that they want no more: the email's id, and a proof of it. */
import { createHmac, timingSafeEqual } from 'node:crypto';
import { secretText } from '../platform/secrets.ts';

async function proofOf(secretArn: string, emailId: string): Promise<string> {
  return createHmac('sha256', await secretText(secretArn))
    .update(`unsubscribe ${emailId}`)
    .digest('base64url');
}

/** No address is in it, since links are logged; and it never ends, as the mail that holds it. */
export async function unsubscribeToken(secretArn: string, emailId: string): Promise<string> {
  return `${emailId}.${await proofOf(secretArn, emailId)}`;
}

/** The email's id; undefined for a token that we did not make. */
export async function emailOfToken(secretArn: string, token: string): Promise<string | undefined> {
  const [, emailId = '', proof = ''] = /^([0-9a-f-]{36})\.([\w-]{43})$/.exec(token) ?? [];
  const expected = Buffer.from(await proofOf(secretArn, emailId));
  const given = Buffer.from(proof);
  return given.length === expected.length && timingSafeEqual(given, expected) ? emailId : undefined;
}
