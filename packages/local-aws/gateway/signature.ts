/** AWS Signature Version 4, from the server's side: reads a request's signature and signs the request again to compare. */
import { createHash, createHmac, timingSafeEqual } from 'node:crypto';
import { Sha256 } from '@aws-crypto/sha256-js';
import { SignatureV4 } from '@smithy/signature-v4';

export type SignedRequest = {
  method: string;
  /** As sent, percent-encoded, without the query. */
  path: string;
  query: URLSearchParams;
  headers: Readonly<Record<string, string | undefined>>;
};

/** What a request says of its own signature; nothing of it is verified yet. */
export type Signature = {
  accessKeyId: string;
  /** Of the credential scope: `s3`, `sqs`, `rds-data`, `states`, `secretsmanager`, `events`, `lambda`. */
  service: string;
  region: string;
  signedHeaders: string[];
  value: string;
  /** Milliseconds since 1970. */
  signedAt: number;
  /** Only of a presigned URL. */
  expiresInSeconds?: number;
};

export type AccessKey = { accessKeyId: string; secretAccessKey: string };

export type Credentials = {
  secretOf(accessKeyId: string): string | undefined;
  callerOf(accessKeyId: string): string | undefined;
  keyOf(caller: string): AccessKey;
};

/** The person at the keyboard, who may do everything: fixed, so that it can be written into a profile of the AWS CLI once. */
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

/** The signature in the Authorization header, or in the query of a presigned URL; undefined where there is none or it cannot be read. */
export function readSignature({
  query,
  headers,
}: Pick<SignedRequest, 'query' | 'headers'>): Signature | undefined {
  if (query.has('X-Amz-Signature')) {
    const expires = Number(query.get('X-Amz-Expires') ?? Number.NaN);
    const read = assemble(
      query.get('X-Amz-Credential'),
      query.get('X-Amz-SignedHeaders'),
      query.get('X-Amz-Signature'),
      query.get('X-Amz-Date'),
    );
    return read && expires >= 0 ? { ...read, expiresInSeconds: expires } : undefined;
  }
  const [, credential, signed, value] =
    /^AWS4-HMAC-SHA256 Credential=([^,\s]+),\s*SignedHeaders=([^,\s]+),\s*Signature=(\w+)$/.exec(
      headers.authorization ?? '',
    ) ?? [];
  return assemble(credential, signed, value, headers['x-amz-date']);
}

function assemble(
  credential?: string | null,
  signed?: string | null,
  value?: string | null,
  date?: string | null,
): Signature | undefined {
  const [accessKeyId, , region, service, end] = credential?.split('/') ?? [];
  const signedAt = Date.parse(
    (date ?? '').replace(/^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z$/, '$1-$2-$3T$4:$5:$6Z'),
  );
  if (!accessKeyId || !region || !service || end !== 'aws4_request' || !signed || !value) return undefined;
  if (Number.isNaN(signedAt)) return undefined;
  return { accessKeyId, service, region, signedHeaders: signed.split(';'), value, signedAt };
}

/**
 * Whether the owner of `secret` signed exactly this request.
 * @param payloadHash hex SHA-256 of the body, or one of S3's words such as `UNSIGNED-PAYLOAD`
 */
export async function isGenuine(
  request: SignedRequest,
  signature: Signature,
  secretAccessKey: string,
  payloadHash: string,
): Promise<boolean> {
  const isS3 = signature.service === 's3';
  const signer = new SignatureV4({
    service: signature.service,
    region: signature.region,
    credentials: { accessKeyId: signature.accessKeyId, secretAccessKey },
    sha256: Sha256,
    uriEscapePath: !isS3,
    applyChecksum: false,
  });
  // The signer rejects what it would not sign, such as an expiry of more than a week.
  const again = await resign(signer, request, signature, payloadHash).catch(() => undefined);
  const [expected, given] = [Buffer.from(again ?? ''), Buffer.from(signature.value)];
  return expected.length === given.length && timingSafeEqual(expected, given);
}

/** The value that a signature of this request by this signer has. */
async function resign(
  signer: SignatureV4,
  request: SignedRequest,
  signature: Signature,
  payloadHash: string,
) {
  const query: Record<string, string[]> = {};
  for (const [name, value] of request.query) {
    if (name !== 'X-Amz-Signature') query[name] = [...(query[name] ?? []), value];
  }
  const named = new Set(signature.signedHeaders);
  const headers = Object.fromEntries([...named].map((name) => [name, request.headers[name] ?? '']));
  const again = {
    method: request.method,
    protocol: 'http:',
    hostname: '',
    path: request.path,
    query,
    // The signer takes the body's hash from this header, and leaves it out of the signature unless it was in.
    headers: { ...headers, [hashHeader]: payloadHash },
  };
  const options = {
    signingDate: new Date(signature.signedAt),
    signableHeaders: named,
    unsignableHeaders: new Set(named.has(hashHeader) ? [] : [hashHeader]),
  };
  if (signature.expiresInSeconds === undefined) {
    const { headers: signed } = await signer.sign(again, options);
    return signed.authorization?.split('Signature=')[1];
  }
  const { query: signed } = await signer.presign(again, {
    ...options,
    expiresIn: signature.expiresInSeconds,
    unhoistableHeaders: new Set([...named, hashHeader]),
  });
  return String(signed?.['X-Amz-Signature']);
}

const hashHeader = 'x-amz-content-sha256';
