/** Lambda's API: Invoke, as the AWS CLI calls it. */
import { existsSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { Sha256 } from '@aws-crypto/sha256-js';
import { describe, expect, test } from '@jest/globals';
import { SignatureV4 } from '@smithy/signature-v4';
import { clock, credentials, gateway, payloadOf, root, setUp } from './lambda-setup.ts';

setUp();

describe('the Lambda API', () => {
  async function call(
    name: string,
    event: string,
    headers: Record<string, string> = {},
    caller = 'EchoFunction',
  ) {
    const path = `/2015-03-31/functions/${name}/invocations`;
    const { host } = new URL(gateway.url);
    const signer = new SignatureV4({
      service: 'lambda',
      region: 'us-east-1',
      credentials: credentials.keyOf(caller),
      sha256: Sha256,
      // As the AWS CLI signs: the body's hash is in the signature, but in no header.
      applyChecksum: false,
    });
    const signed = await signer.sign({
      method: 'POST',
      protocol: 'http:',
      hostname: '127.0.0.1',
      path,
      headers: { host, ...headers },
      body: event,
    });
    return fetch(gateway.url + path, { method: 'POST', headers: signed.headers, body: event });
  }

  test('answers with the payload, or with the error and its header', async () => {
    const good = await call('echo', '{"a":1}');
    expect(good.status).toBe(200);
    expect(await good.json()).toMatchObject({ event: { a: 1 } });
    const bad = await call('thrower', '{}');
    expect([bad.status, bad.headers.get('x-amz-function-error')]).toEqual([200, 'Unhandled']);
    expect(await bad.json()).toMatchObject({ errorType: 'OwnError' });
  });

  test('refuses what the policy does not allow, what does not exist, and what is no JSON', async () => {
    expect((await call('nothing', '{}')).status).toBe(403);
    expect((await call('echo', '{}', {}, 'PidFunction')).status).toBe(403);
    expect((await call('no-such', '{}', {}, 'operator')).status).toBe(404);
    expect((await call('echo', '{')).status).toBe(400);
  });

  test('accepts an event at once, and tries it three times', async () => {
    const file = join(root, 'tries');
    const answer = await call('flaky', JSON.stringify({ file }), { 'x-amz-invocation-type': 'Event' });
    expect(answer.status).toBe(202);
    while (!existsSync(file) || statSync(file).size < 3) {
      clock.advance(60_000);
      await payloadOf('echo');
    }
  });
});
