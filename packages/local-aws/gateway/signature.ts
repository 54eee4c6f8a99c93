/** AWS Signature Version 4, from the server's side: the request is signed again, to compare. */
import { timingSafeEqual } from 'node:crypto';
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
  /** Of the credential scope: `s3`, `sqs`, `rds-data`, `states` … */
  service: string;
  region: string;
  signedHeaders: string[];
  value: string;
  /** Milliseconds since 1970. */
  signedAt: number;
  /** Only of a presigned URL. */
  expiresInSeconds?: number;
};

/** The signature in the header or in a presigned URL's query; undefined if none can be read. */
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
    // The signer takes the body's hash from here, and signs this header only if it was signed.
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
