/** Asks at a door of the test run; the first who asks waits until what is behind it has started. */
import { once } from 'node:events';
import { connect } from 'node:net';
import { text } from 'node:stream/consumers';

/** @param variable the environment variable with the door's port, as global-setup.js names it */
export async function ask<T extends object>(variable: string): Promise<T> {
  const socket = connect(Number(process.env[variable]), '127.0.0.1');
  await once(socket, 'connect');
  const answer: T | { error: string } = JSON.parse(await text(socket));
  if ('error' in answer) throw new Error(`What the tests need did not start: ${answer.error}`);
  return answer;
}
