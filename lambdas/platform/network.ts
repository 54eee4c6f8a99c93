/** A caller's address as it may be kept: cut, because the audit cannot forget. */
import { isIPv4, isIPv6 } from 'node:net';

/** The /24 of an IPv4 address, the /48 of an IPv6 one; null for what is neither. */
export function networkOf(address: string): string | null {
  const [bare = ''] = address.replace(/^::ffff:(?=[\d.]+$)/i, '').split('%');
  if (isIPv4(bare)) return bare.replace(/\d+$/, '0');
  if (!isIPv6(bare)) return null;
  // As a host it is spelt in its shortest form, with any IPv4 tail in groups.
  const [written = ''] = new URL(`http://[${bare}]`).hostname.slice(1, -1).split('::');
  const [first = '0', second = '0', third = '0'] = written.split(':').filter(Boolean);
  return `${first}:${second}:${third}::`;
}
