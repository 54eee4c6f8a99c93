/** Lambda's API as far as it is called: Invoke, waiting for the result or not. */

import { type AwsCall, AwsError, type AwsService, notImplemented, readJson } from '../gateway/service.ts';
import type { FunctionModel } from '../template/model.ts';
import type { LambdaResult } from './process.ts';

type Functions = {
  find(id: string): FunctionModel | undefined;
  invoke(id: string, event: unknown): Promise<LambdaResult>;
  invokeLater(id: string, event: unknown): Promise<void>;
};

export function createInvokeService({ find, invoke, invokeLater }: Functions): AwsService {
  return async (call) => {
    const id = /^\/2015-03-31\/functions\/([^/]+)\/invocations$/.exec(call.path)?.[1];
    if (call.method !== 'POST' || id === undefined)
      throw notImplemented('Lambda', `${call.method} ${call.path}`);
    const name = decodeURIComponent(id);
    const fn = find(name);
    call.authorize('lambda:InvokeFunction', fn?.arn ?? name);
    if (!fn) throw new AwsError('ResourceNotFoundException', `Function not found: ${name}`, 404);
    const type = call.headers['x-amz-invocation-type'] ?? 'RequestResponse';
    const event = await readEvent(call);
    if (type === 'Event') {
      await invokeLater(fn.logicalId, event);
      return { status: 202 };
    }
    if (type !== 'RequestResponse') throw notImplemented('Lambda', `Invoke with the type ${type}`);
    const result = await invoke(fn.logicalId, event);
    const failed = 'functionError' in result;
    return {
      status: 200,
      headers: {
        'content-type': 'application/json',
        'x-amz-executed-version': '$LATEST',
        ...(failed && { 'x-amz-function-error': 'Unhandled' }),
      },
      body: JSON.stringify(failed ? result.functionError : result.payload),
    };
  };
}

async function readEvent(call: AwsCall): Promise<unknown> {
  try {
    return await readJson(call);
  } catch (cause) {
    throw new AwsError('InvalidRequestContentException', `Could not parse request body into json: ${cause}`);
  }
}
