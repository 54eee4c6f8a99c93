/** Access keys: one for each caller, and the operator's. */
import { createHash, createHmac } from 'node:crypto';

export type AccessKey = { accessKeyId: string; secretAccessKey: string };

export type Credentials = {
  secretOf(accessKeyId: string): string | undefined;
  callerOf(accessKeyId: string): string | undefined;
  keyOf(caller: string): AccessKey;
};

/** The person at the keyboard, who may do everything; fixed, for a profile of the AWS CLI. */
export const operator = {
  caller: 'operator',
  accessKeyId: 'AKIALOCALOPERATOR000',
  secretAccessKey: 'local-operator-secret',
};

/**
 * One access key per caller, the same after every restart with the same secret.
 * @param callers logical ids of functions and state machines
 */
export function createCredentials({ secret, callers }: { secret: string; callers: string[] }): Credentials {
  const keyOf = (caller: string): AccessKey =>
    caller === operator.caller
      ? operator
      : {
          accessKeyId: `AKIA${createHash('sha256').update(caller).digest('hex').slice(0, 16).toUpperCase()}`,
          secretAccessKey: createHmac('sha256', secret).update(caller).digest('base64url').slice(0, 40),
        };
  const owners = new Map([operator.caller, ...callers].map((caller) => [keyOf(caller).accessKeyId, caller]));
  return {
    keyOf,
    callerOf: (id) => owners.get(id),
    secretOf(id) {
      const caller = owners.get(id);
      return caller === undefined ? undefined : keyOf(caller).secretAccessKey;
    },
  };
}
