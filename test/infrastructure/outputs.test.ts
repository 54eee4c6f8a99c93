/**
 * What `cdk deploy` prints at its end, for the person who then tells Stripe and SendGrid where to
 * send their events.
 */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from '@jest/globals';
import { ask } from '../jest/ask.ts';

test('a deployment prints the address of the API', async () => {
  const { assembly } = await ask<{ assembly: string }>('RESTORECLICK_TEST_ASSEMBLY');
  const { Outputs, Resources } = JSON.parse(
    await readFile(join(assembly, 'RestoreClick-local.template.json'), 'utf8'),
  );
  const api = Object.keys(Resources).find((id) => Resources[id].Type === 'AWS::ApiGatewayV2::Api');
  expect(Outputs.ApiUrl.Value).toEqual({ 'Fn::GetAtt': [api, 'ApiEndpoint'] });
});
