/** PostObject: a browser's upload by a form that someone with credentials signed. */
import { type AwsAnswer, type AwsCall, type Credentials, notImplemented } from '../gateway/index.ts';
import { authorizeWrite } from './access.ts';
import { attributesOf, encrypted, quoted } from './attributes.ts';
import type { Attributes, Place, S3, S3Request } from './catalogue.ts';
import { storeObject } from './deposit.ts';
import { accessDenied, missingField, tooSmall } from './errors.ts';
import { type Form, openForm } from './form.ts';
import { statedAlgorithms, verifyChecksums } from './intake.ts';
import { type Fields, type Grant, verifyForm } from './post-policy.ts';
import { taggingDocument, tagsOfDocument } from './tags.ts';
import { parseXml, xmlAnswer } from './xml.ts';

/** Who signs, and how a signer's rights are asked after. */
export type Signers = {
  credentials: Pick<Credentials, 'secretOf' | 'callerOf'>;
  /** Throws AccessDenied unless that caller's policy allows it. */
  authorizeAs(caller: string, action: string, resource: string, context?: Record<string, string>): void;
};

function attributesOfFields(fields: Fields): Attributes {
  const tagging = fields.get('tagging');
  return {
    ...attributesOf(Object.fromEntries(fields)),
    tags: tagging === undefined ? {} : tagsOfDocument(parseXml(tagging, taggingDocument)),
  };
}

function keyOf(fields: Fields): string {
  const key = fields.get('key');
  if (!key) throw missingField('key');
  if (/\$\{filename\}/.test(key)) throw notImplemented('S3', 'the file name as part of a key');
  return key;
}

/** What the form asks for, after its policy and its signer's rights were found to allow it. */
function judge(s3: S3, { bucket }: S3Request, fields: Fields, signers: Signers) {
  const redirect = fields.get('success_action_redirect') ?? fields.get('redirect');
  if (redirect !== undefined) throw notImplemented('S3', 'success_action_redirect');
  const place: Place = { bucket, key: keyOf(fields) };
  const { secretOf } = signers.credentials;
  const grant = verifyForm(fields, { bucket: bucket.name, now: s3.clock.now(), secretOf });
  const signer = signers.credentials.callerOf(grant.accessKeyId);
  if (signer === undefined) throw accessDenied();
  const attributes = attributesOfFields(fields);
  const authorize: AwsCall['authorize'] = (...asked) => signers.authorizeAs(signer, ...asked);
  authorizeWrite(authorize, place, attributes.tags);
  return { place, attributes, grant };
}

function receiveFile(s3: S3, { fields, file }: Form, { minSize, maxSize }: Grant) {
  const headers = Object.fromEntries(fields);
  const algorithms = statedAlgorithms(headers);
  return s3.bytes.receive(file, {
    algorithms,
    maxSize,
    verify(measure) {
      if (measure.size < minSize) throw tooSmall(measure.size, minSize);
      verifyChecksums(algorithms, headers, measure);
    },
  });
}

/** 204, or the 200 or 201 that the form asked for. */
function success(request: S3Request, fields: Fields, place: Place, etag: string): AwsAnswer {
  const path = [place.bucket.name, ...place.key.split('/')].map(encodeURIComponent).join('/');
  const location = `http://${request.headers.host}/${path}`;
  const headers = { etag: quoted(etag), location, ...encrypted };
  const status = fields.get('success_action_status');
  if (status !== '201') return { status: status === '200' ? 200 : 204, headers };
  const content = { Location: location, Bucket: place.bucket.name, Key: place.key, ETag: quoted(etag) };
  return xmlAnswer('PostResponse', content, { status: 201, headers });
}

/** PostObject. Nothing is stored unless the form arrived whole. */
export async function postObject(s3: S3, request: S3Request, signers: Signers): Promise<AwsAnswer> {
  const form = await openForm(request);
  try {
    const { place, attributes, grant } = judge(s3, request, form.fields, signers);
    const received = await receiveFile(s3, form, grant);
    try {
      await form.ended;
    } catch (error) {
      await s3.bytes.remove(received.file);
      throw error;
    }
    const event = 'ObjectCreated:Post';
    const record = await storeObject(s3, { place, attributes, received, event, allowed: () => {} });
    return success(request, form.fields, place, record.etag);
  } finally {
    form.abandon();
  }
}
