/** What unit tests hand to handlers in place of AWS, and what the handlers wrote to their log. */
import { jest } from '@jest/globals';
import type { APIGatewayProxyEventV2, SQSEvent } from 'aws-lambda';

/** A batch of messages `message-0`, `message-1` …; text goes as it is, all else as JSON. */
export function sqsEvent(...bodies: (object | string)[]): SQSEvent {
  return {
    Records: bodies.map((body, index) => ({
      messageId: `message-${index}`,
      receiptHandle: 'receipt',
      body: typeof body === 'string' ? body : JSON.stringify(body),
      attributes: {
        ApproximateReceiveCount: '1',
        SentTimestamp: '0',
        SenderId: 'sender',
        ApproximateFirstReceiveTimestamp: '0',
      },
      messageAttributes: {},
      md5OfBody: '',
      eventSource: 'aws:sqs',
      eventSourceARN: 'arn:aws:sqs:us-east-1:000000000000:q',
      awsRegion: 'us-east-1',
    })),
  };
}

export type ApiCall = {
  method?: string;
  address?: string;
  path?: Record<string, string>;
  headers?: Record<string, string>;
  body?: string;
  isBase64Encoded?: boolean;
  userAgent?: string;
};

/** An HTTP API event, payload 2.0. */
export function apiEvent(call: ApiCall = {}): APIGatewayProxyEventV2 {
  const { method = 'POST', address = '/', path, headers = {}, body, isBase64Encoded = false } = call;
  return {
    version: '2.0',
    routeKey: `${method} ${address}`,
    rawPath: address,
    rawQueryString: '',
    headers: { host: 'api.example', 'content-type': 'application/json', ...headers },
    requestContext: {
      accountId: '000000000000',
      apiId: 'api',
      domainName: 'api.example',
      domainPrefix: 'api',
      http: {
        method,
        path: address,
        protocol: 'HTTP/1.1',
        sourceIp: '192.0.2.1',
        userAgent: call.userAgent ?? 'test',
      },
      requestId: 'request',
      routeKey: `${method} ${address}`,
      stage: '$default',
      time: '',
      timeEpoch: 0,
    },
    isBase64Encoded,
    ...(path ? { pathParameters: path } : {}),
    ...(body === undefined ? {} : { body }),
  };
}

/** Keeps what is logged from the console, until mocks are restored. */
export function capturedLog() {
  const written: string[] = [];
  jest.spyOn(process.stdout, 'write').mockImplementation((chunk) => {
    written.push(String(chunk));
    return true;
  });
  return {
    text: () => written.join(''),
    lines: (): Record<string, unknown>[] =>
      written
        .join('')
        .split('\n')
        .filter((line) => line.startsWith('{'))
        .map((line) => JSON.parse(line)),
  };
}
