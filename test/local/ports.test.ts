/** Where the local system listens, as a person says it. */
import { describe, expect, test } from '@jest/globals';
import { portsFrom, usualPorts } from '../../local/ports.ts';

describe('the ports', () => {
  test('are the usual ones unless another first one is given', () => {
    expect(portsFrom(undefined)).toEqual(usualPorts);
  });

  test('all move with the first one, and stay six', () => {
    const ports = portsFrom('5700');
    expect(ports).toMatchObject({ home: 5700, api: 5701, aws: 5705 });
    expect(new Set(Object.values(ports)).size).toBe(6);
  });

  test.each(['', 'x', '0', '65531', '47.5'])('"%s" is refused in a sentence', (first) => {
    expect(() => portsFrom(first)).toThrow(`RESTORECLICK_PORT is "${first}"`);
  });
});
