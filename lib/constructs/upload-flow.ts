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
    const recordUpload = new QueueStep(this, 'RecordUpload', platform, {
      step: 'upload/record-upload',
      description: 'reads the head of an uploaded file; records it, or deletes it and says why',
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
