/** The ports that a local system listens on. */

/** Fixed for `npm start`, so that addresses stay good over a restart; 0 is any free port. */
export type Ports = {
  aws: number;
  api: number;
  stripe: number;
  replicate: number;
  mailbox: number;
  home: number;
};

export const anyPorts: Ports = { aws: 0, api: 0, stripe: 0, replicate: 0, mailbox: 0, home: 0 };

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
  const { home, ...others } = usualPorts;
  const moved = (port: number) => base + port - home;
  return {
    home: base,
    api: moved(others.api),
    mailbox: moved(others.mailbox),
    stripe: moved(others.stripe),
    replicate: moved(others.replicate),
    aws: moved(others.aws),
  };
}
