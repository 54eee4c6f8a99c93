/** Lambda's API as far as it is called: Invoke, waiting for the result or not. */
import { type AwsCall, AwsError, type AwsService, notImplemented, readJson } from '../gateway/index.ts';
import type { FunctionModel } from '../template/index.ts';
import type { LambdaResult } from './process.ts';

type Functions = {
  find(id: string): FunctionModel | undefined;
  invoke(id: string, event: unknown): Promise<LambdaResult>;
  invokeLater(id: string, event: unknown): Promise<void>;
};

export const functionNotFound = (id: string) =>
  new AwsError('ResourceNotFoundException', `Function not found: ${id}`, 404);

export function createInvokeService({ find, invoke, invokeLater }: Functions): AwsService {
  return async (call) => {
    const id = /^\/2015-03-31\/functions\/([^/]+)\/invocations$/.exec(call.path)?.[1];
    if (call.method !== 'POST' || id === undefined)
      throw notImplemented('Lambda', `${call.method} ${call.path}`);
    const name = decodeURIComponent(id);
    const fn = find(name);
    call.authorize('lambda:InvokeFunction', fn?.arn ?? name);
    if (!fn) throw functionNotFound(name);
    const type = call.headers['x-amz-invocation-type'] ?? 'RequestResponse';
    const event = await readEvent(call);
    if (type === 'Event') {
      await invokeLater(fn.logicalId, event);
      return { status: 202 };
    }
    if (type !== 'RequestResponse') throw notImplemented('Lambda', `Invoke with the type ${type}`);
    return answerOf(await invoke(fn.logicalId, event));
  };
}

function answerOf(result: LambdaResult) {
  const headers = { 'content-type': 'application/json', 'x-amz-executed-version': '$LATEST' };
  if ('payload' in result) return { status: 200, headers, body: JSON.stringify(result.payload) };
  return {
    status: 200,
    headers: { ...headers, 'x-amz-function-error': 'Unhandled' },
    body: JSON.stringify(result.functionError),
  };
}

async function readEvent(call: AwsCall): Promise<unknown> {
  try {
    return await readJson(call);
  } catch (cause) {
    throw new AwsError('InvalidRequestContentException', `Could not parse request body into json: ${cause}`);
  }
}
