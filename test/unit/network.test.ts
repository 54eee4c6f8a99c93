import { expect, test } from '@jest/globals';
import { networkOf } from '../../lambdas/platform/network.ts';

test.each([
  ['203.0.113.77', '203.0.113.0'],
  ['::ffff:203.0.113.77', '203.0.113.0'],
  ['2001:db8:abcd:12:1:2:3:4', '2001:db8:abcd::'],
  ['2001:DB8:ABCD:0012::1', '2001:db8:abcd::'],
  ['2001:db8::1', '2001:db8:0::'],
  ['fe80::1%eth0', 'fe80:0:0::'],
  ['::1', '0:0:0::'],
  ['', null],
  ['unknown', null],
])('of %s only %s is kept', (address, network) => {
  expect(networkOf(address)).toBe(network);
});
