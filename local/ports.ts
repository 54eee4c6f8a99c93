/** The ports that a local system listens on. */

/** Fixed for `npm start`, so that addresses stay good over a restart; 0 is any free port. */
export type Ports = Record<'home' | 'api' | 'mailbox' | 'stripe' | 'replicate' | 'aws', number>;

export const anyPorts: Ports = { home: 0, api: 0, mailbox: 0, stripe: 0, replicate: 0, aws: 0 };

/** One above the other, so that they are easy to remember. */
export const usualPorts: Ports = {
  home: 4700,
  api: 4701,
  mailbox: 4702,
  stripe: 4703,
  replicate: 4704,
  aws: 4705,
};

/**
 * @param first what RESTORECLICK_PORT says: the first of six; the usual ones without it
 * @throws Error in a sentence, when that is no port
 */
export function portsFrom(first: string | undefined): Ports {
  if (first === undefined) return usualPorts;
  const base = Number(first);
  if (!/^\d+$/.test(first) || base < 1 || base > 65_530)
    throw new Error(
      `RESTORECLICK_PORT is "${first}": it must be the first of six free ports, a number from 1 to 65530.`,
    );
  const moved = Object.entries(usualPorts).map(([name, port]) => [name, base + port - usualPorts.home]);
  return { ...usualPorts, ...Object.fromEntries(moved) };
}
