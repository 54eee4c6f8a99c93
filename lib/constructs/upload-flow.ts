/** Upload: where photos go, a look at what came, and forgetting what expired. */
import { Construct } from 'constructs';
import { ApiStep } from './api-step.ts';
import type { Platform } from './platform.ts';
import { QueueStep } from './queue-step.ts';

export class UploadFlow extends Construct {
  constructor(scope: Construct, id: string, platform: Platform) {
    super(scope, id);
    const { database, storage } = platform;
    new ApiStep(this, 'CreateSession', platform, {
      step: 'upload/create-session',
      description: 'answers one presigned POST a photo',
      route: 'POST /api/upload',
      share: 'costly',
      open: 'Anyone may upload; limits and expiry bound what it costs.',
      access: [database.statements, storage.temp('Put', 'PutTagging')],
      reads: ['MAX_FILES', 'MAX_FILE_BYTES', 'UPLOAD_URL_SECONDS', 'UPLOAD_EXPIRY_SECONDS'],
    });
    new ApiStep(this, 'GetSession', platform, {
      step: 'upload/get-session',
      description: 'what has arrived, what was refused, the price so far',
      route: 'GET /api/upload/{session}',
      open: 'The session id is random and known to its browser only.',
      access: [database.statements],
      reads: ['PRICE_CENTS', 'CURRENCY'],
    });
    new ApiStep(this, 'RenewSession', platform, {
      step: 'upload/renew-session',
      description: 'answers fresh presigned POSTs for the photos still missing',
      route: 'POST /api/upload/{session}/renew',
      open: 'The session id is random and known to its browser only.',
      access: [database.statements, storage.temp('Put', 'PutTagging')],
      reads: ['UPLOAD_URL_SECONDS'],
    });
    // One photo a batch, so that it keeps no other waiting. CPU and peak memory of the whole
    // process, on one core: 48 megapixels 0.2 s (progressive JPEG 1.1 s, PNG 1.3 s, WebP 1.4 s),
    // 100 megapixels 0.3 s (progressive 2.1 s), 50 MB made to hurt 0.9 s at most; 115 MB, a
    // lossless WebP of 75 MB 275 MB. 1 GB brings six tenths of a core, and the minute leaves room
    // for ten times as much.
    const recordUpload = new QueueStep(this, 'RecordUpload', platform, {
      step: 'upload/record-upload',
      description: 'reads an uploaded file whole; records it, or deletes it and says why',
      batchSize: 1,
      memory: 1024,
      access: [database.statements, storage.temp('Find', 'Get', 'Delete')],
      reads: ['MAX_PIXELS'],
    });
    storage.announceUploads(recordUpload.queue);
    const expireUploads = new QueueStep(this, 'ExpireUploads', platform, {
      step: 'upload/expire-uploads',
      description: 'marks as expired what the lifecycle rules deleted',
      access: [database.statements],
    });
    storage.announceExpiry(expireUploads.queue);
  }
}
