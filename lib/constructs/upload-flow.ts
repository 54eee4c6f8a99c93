/** Upload: photos go from the browser to the temp bucket; these steps say where to, look at what came, and forget what expired. */
import { Duration } from 'aws-cdk-lib';
import { Construct } from 'constructs';
import { FlowStep } from './flow-step.ts';
import type { Platform } from './platform.ts';
import { WorkQueue } from './work-queue.ts';

export class UploadFlow extends Construct {
  constructor(scope: Construct, id: string, platform: Platform) {
    super(scope, id);
    this.browserSteps(platform);
    this.recordUpload(platform);
    this.expireUploads(platform);
  }

  private browserSteps(ground: Platform): void {
    const { api, database, storage } = ground;
    const createSession = new FlowStep(this, 'CreateSession', {
      ground,
      step: 'upload/create-session',
      description: 'answers one presigned POST a photo',
      timeout: Duration.seconds(29),
      access: [database.statements, storage.temp('Put', 'PutTagging')],
      reads: ['MAX_FILES', 'MAX_FILE_BYTES', 'UPLOAD_URL_SECONDS', 'UPLOAD_EXPIRY_SECONDS'],
    });
    api.route('POST /api/upload', createSession, 'Anyone may upload; limits and expiry bound what it costs.');
    const getSession = new FlowStep(this, 'GetSession', {
      ground,
      step: 'upload/get-session',
      description: 'what has arrived, what was refused, the price so far',
      timeout: Duration.seconds(29),
      access: [database.statements],
      reads: ['PRICE_CENTS', 'CURRENCY'],
    });
    api.route(
      'GET /api/upload/{session}',
      getSession,
      'The session id is random and known to its browser only.',
    );
  }

  private recordUpload(ground: Platform): void {
    const { database, storage, settings } = ground;
    const step = 'upload/record-upload';
    const workTimeout = Duration.minutes(1);
    const queue = new WorkQueue(this, 'RecordUploadQueue', { settings, step, workTimeout });
    const recordUpload = new FlowStep(this, 'RecordUpload', {
      ground,
      step,
      description: 'reads the head of an uploaded file; records it, or deletes it and says why',
      timeout: workTimeout,
      access: [database.statements, storage.temp('Get', 'Delete')],
      reads: ['MAX_PIXELS'],
    });
    queue.feed(recordUpload);
    storage.announceUploads(queue);
  }

  private expireUploads(ground: Platform): void {
    const { database, storage, settings } = ground;
    const step = 'upload/expire-uploads';
    const workTimeout = Duration.minutes(1);
    const queue = new WorkQueue(this, 'ExpireUploadsQueue', { settings, step, workTimeout });
    const expireUploads = new FlowStep(this, 'ExpireUploads', {
      ground,
      step,
      description: 'marks as expired what the lifecycle rules deleted',
      timeout: workTimeout,
      access: [database.statements],
    });
    queue.feed(expireUploads);
    storage.announceExpiry(queue);
  }
}
