/** What the local S3 knows of its objects and unfinished uploads; their bytes lie elsewhere. */

import type { Clock } from '../clock/index.ts';
import type { AwsAnswer, AwsCall } from '../gateway/index.ts';
import type { Collection } from '../store/index.ts';
import type { BucketModel } from '../template/index.ts';
import type { Bytes } from './bytes.ts';
import type { Algorithm } from './digest.ts';
import type { Notifications } from './notifications.ts';

/** What a caller says of an object besides its bytes. */
export type Attributes = {
  contentType: string;
  /** `cache-control`, `content-disposition` and their like, by lower-case name. */
  headers: Record<string, string>;
  /** `x-amz-meta-…` without the prefix. */
  metadata: Record<string, string>;
  tags: Record<string, string>;
};

export type ObjectRecord = Attributes & {
  bucket: string;
  key: string;
  /** Name of its file among the bytes. */
  file: string;
  size: number;
  /** Without quotes. */
  etag: string;
  /** Milliseconds since 1970 by the clock. */
  modified: number;
  /** Tells two versions of a key apart, later ones greater. */
  sequencer: string;
  checksum?: { algorithm: Algorithm; value: string };
};

export type PartRecord = {
  file: string;
  size: number;
  /** MD5 in hex. */
  md5: string;
  checksums: Partial<Record<Algorithm, string>>;
};

export type UploadRecord = {
  bucket: string;
  key: string;
  attributes: Attributes;
  initiated: number;
  parts: Record<string, PartRecord>;
};

/** The local S3 as its operations see it. */
export type S3 = {
  region: string;
  buckets: ReadonlyMap<string, BucketModel>;
  /** By `bucket/key`. */
  objects: Collection<ObjectRecord>;
  /** By upload id. */
  uploads: Collection<UploadRecord>;
  bytes: Bytes;
  clock: Clock;
  notifications: Notifications;
};

/** A call, its bucket found and its key decoded. */
export type S3Request = {
  call: AwsCall;
  bucket: BucketModel;
  /** '' when the call is about the bucket. */
  key: string;
  headers: Readonly<Record<string, string | undefined>>;
};

export type Operation = (s3: S3, request: S3Request) => Promise<AwsAnswer>;

export type Place = { bucket: BucketModel; key: string };

/** The object's key in the catalogue. */
export function nameOf({ bucket, key }: { bucket: { name: string }; key: string }): string {
  return `${bucket.name}/${key}`;
}

export function arnOf({ bucket, key }: Place): string {
  return `${bucket.arn}/${key}`;
}
