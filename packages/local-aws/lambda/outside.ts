/** Through here a function's process reaches the outside: calls are reported, some fail. */
import { writeFileSync } from 'node:fs';
import http from 'node:http';
import https from 'node:https';
import { syncBuiltinESMExports } from 'node:module';
import { Socket } from 'node:net';
import { join } from 'node:path';
import { urlToHttpOptions } from 'node:url';
import { type FaultAction, isAbout, type OutsideCall, type SentRule } from '../faults/index.ts';
import type { Report } from './wire.ts';

/** A request before it is counted. */
type Request = { host: string; method: string; path: string; headers: Headers };
type Judge = (request: Request) => FaultAction | undefined;
type Send = (report: Report, sent?: () => void) => void;

export type Outside = {
  begin(invocation: { requestId: string; rules: SentRule[] }): void;
};

/** Wraps `http`, `https` and `fetch` before the bundle loads; sockets and HTTP/2 pass unseen. */
export function watchOutside({
  functionName,
  hosts,
  claims,
  send,
}: {
  functionName: string;
  hosts: Readonly<Record<string, string>>;
  /** Folder in which processes agree how often a rule has fired. */
  claims: string;
  send: Send;
}): Outside {
  let current = { requestId: '', rules: [] as SentRule[], count: 0 };

  function judge(request: Request): FaultAction | undefined {
    current.count += 1;
    const { requestId, count: index } = current;
    const call = { function: functionName, requestId, index, ...describe(request, hosts) };
    const rule = current.rules.find((each) => isAbout(each, call) && claim(each, claims));
    const die = rule?.action === 'kill-before' ? kill : undefined;
    if (rule) send({ type: 'call', call: { ...call, fault: rule.action }, ruleId: rule.id }, die);
    else send({ type: 'call', call });
    return rule?.action;
  }

  wrapModule(http, 'http:', judge);
  wrapModule(https, 'https:', judge);
  syncBuiltinESMExports();
  globalThis.fetch = wrapFetch(globalThis.fetch, judge);
  return { begin: (invocation) => (current = { ...invocation, count: 0 }) };
}

function describe({ host, method, path, headers }: Request, hosts: Readonly<Record<string, string>>) {
  const target = headers.get('x-amz-target')?.split('.').at(-1);
  const credential =
    /Credential=[^/]+\/\d+\/[^/]+\/([^/]+)/.exec(headers.get('authorization') ?? '') ??
    /X-Amz-Credential=[^&]*?%2F\d+%2F[^&%]+%2F([^&%]+)/i.exec(path);
  const service = credential?.[1] ?? hosts[host] ?? hosts[host.replace(/:\d+$/, '')] ?? host;
  return { service, operation: target ?? `${method} ${path}`, method, path } satisfies Partial<OutsideCall>;
}

/** Takes one of the rule's times: whoever creates the file has it. */
function claim({ id, times = Number.POSITIVE_INFINITY }: SentRule, folder: string): boolean {
  if (times === Number.POSITIVE_INFINITY) return true;
  for (let n = 0; n < times; n += 1) {
    try {
      writeFileSync(join(folder, `rule-${id}-${n}`), '', { flag: 'wx' });
      return true;
    } catch {
      // Taken already.
    }
  }
  return false;
}

const kill = () => void process.kill(process.pid, 'SIGKILL');
const connectionReset = () =>
  Object.assign(new Error('read ECONNRESET'), { code: 'ECONNRESET', errno: -104, syscall: 'read' });

function wrapModule(module: typeof http | typeof https, protocol: string, judge: Judge) {
  const original = module.request;
  function request(...given: unknown[]) {
    const [first, ...others] = given;
    const from = typeof first === 'string' || first instanceof URL ? urlToHttpOptions(new URL(first)) : {};
    const rest = Object.keys(from).length > 0 ? others : given;
    const callback = rest.find((each) => typeof each === 'function') as
      | ((answer: http.IncomingMessage) => void)
      | undefined;
    const options: https.RequestOptions = { ...from, ...(typeof rest[0] === 'object' ? rest[0] : {}) };
    const action = judge(readOptions(options, protocol));
    if (action === undefined) return original(options, callback);
    if (action.endsWith('after')) return loseAnswer(original(options, callback), action);
    // Without an agent, the request takes the connection that it is given.
    const connection = () => deadConnection(action === 'fail-before');
    return original({ ...options, agent: undefined, createConnection: connection }, callback);
  }
  const get = (...given: unknown[]) => {
    const sent = request(...given);
    sent.end();
    return sent;
  };
  Object.assign(module, { request, get });
}

function readOptions(options: https.RequestOptions, protocol: string): Request {
  const name = options.hostname ?? options.host ?? 'localhost';
  const port = options.port ?? (protocol === 'https:' ? 443 : 80);
  const headers = new Headers();
  for (const [key, value] of Object.entries(options.headers ?? {})) {
    if (value !== undefined) headers.set(key, String(value));
  }
  return {
    host: [80, 443].includes(Number(port)) ? name : `${name}:${port}`,
    method: (options.method ?? 'GET').toUpperCase(),
    path: options.path ?? '/',
    headers,
  };
}

/** Swallows what is written and never answers; a broken one resets after that. */
function deadConnection(broken: boolean): Socket {
  const socket = new Socket();
  Object.assign(socket, {
    _read: () => {},
    _write: (_chunk: unknown, _encoding: string, done: () => void) => done(),
    _writev: (_chunks: unknown, done: () => void) => done(),
    _final: (done: () => void) => done(),
  });
  if (broken) setImmediate(() => socket.destroy(connectionReset()));
  return socket;
}

/** Lets the request take effect, which it has when the answer begins, and then reads no answer. */
function loseAnswer(request: http.ClientRequest, action: FaultAction): http.ClientRequest {
  const emit = request.emit.bind(request);
  request.emit = (event: string | symbol, ...values: unknown[]) => {
    if (event !== 'response') return emit(event, ...values);
    if (action === 'kill-after') kill();
    request.destroy(connectionReset());
    return true;
  };
  return request;
}

function wrapFetch(original: typeof fetch, judge: Judge): typeof fetch {
  return async (input, init) => {
    const request = typeof input === 'object' && 'url' in input ? input : undefined;
    const url = new URL(request?.url ?? String(input));
    const action = judge({
      host: url.host,
      method: (init?.method ?? request?.method ?? 'GET').toUpperCase(),
      path: url.pathname + url.search,
      headers: new Headers(init?.headers ?? request?.headers),
    });
    const signal = init?.signal ?? request?.signal;
    if (action === 'hang' || action === 'kill-before') return never(signal);
    const answer = action === 'fail-before' ? undefined : await original(input, init);
    if (answer && action === undefined) return answer;
    if (action === 'kill-after') kill();
    await answer?.body?.cancel();
    throw new TypeError('fetch failed', { cause: connectionReset() });
  };
}

function never(signal: AbortSignal | null | undefined): Promise<never> {
  return new Promise((_resolve, reject) => {
    if (signal?.aborted) reject(signal.reason);
    signal?.addEventListener('abort', () => reject(signal.reason), { once: true });
  });
}
