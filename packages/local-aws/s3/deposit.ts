/** The two changes to the catalogue of objects: received bytes become an object, an object goes. */
import type { Received } from './bytes.ts';
import { type Attributes, nameOf, type ObjectRecord, type Place, type S3 } from './catalogue.ts';
import { algorithms } from './digest.ts';

/** What becomes of received bytes. */
export type Deposit = {
  place: Place;
  attributes: Attributes;
  received: Received;
  /** The ETag without quotes; the MD5 if not given. */
  etag?: string;
  /** Such as `ObjectCreated:Put`. */
  event: string;
  /** Throws unless the object may replace `current`; nothing comes between this and the write. */
  allowed: (current: ObjectRecord | undefined) => void;
};

function recordOf(s3: S3, deposit: Deposit): ObjectRecord {
  const { place, attributes, received } = deposit;
  const algorithm = algorithms.find((each) => received.checksums[each] !== undefined);
  const value = algorithm && received.checksums[algorithm];
  return {
    ...attributes,
    bucket: place.bucket.name,
    key: place.key,
    file: received.file,
    size: received.size,
    etag: deposit.etag ?? received.md5,
    modified: Math.floor(s3.clock.now()),
    sequencer: s3.notifications.sequencer(),
    ...(algorithm && value !== undefined && { checksum: { algorithm, value } }),
  };
}

/** Makes received bytes the object of their key and announces it; refused bytes are removed. */
export async function storeObject(s3: S3, deposit: Deposit): Promise<ObjectRecord> {
  const record = recordOf(s3, deposit);
  const name = nameOf(deposit.place);
  const announcement = await s3.notifications.prepare(deposit.event, record);
  const replaced = s3.objects.get(name);
  try {
    deposit.allowed(replaced);
  } catch (error) {
    await announcement.drop();
    await s3.bytes.remove(record.file);
    throw error;
  }
  await s3.objects.put(name, record);
  if (replaced) await s3.bytes.remove(replaced.file);
  announcement.send();
  return record;
}

/** Removes an object and announces it, if it is still `record`. */
export async function removeObject(s3: S3, record: ObjectRecord, event: string): Promise<boolean> {
  const { bucket, key } = record;
  const name = nameOf({ bucket: { name: bucket }, key });
  const sequencer = s3.notifications.sequencer();
  const announcement = await s3.notifications.prepare(event, { bucket, key, sequencer });
  if (s3.objects.get(name) !== record) {
    await announcement.drop();
    return false;
  }
  await s3.objects.delete(name);
  await s3.bytes.remove(record.file);
  announcement.send();
  return true;
}
