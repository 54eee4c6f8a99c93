/** Download: a link's token opens photos for a while; several photos come as one archive, built beforehand. */
import { Duration } from 'aws-cdk-lib';
import { Construct } from 'constructs';
import { FlowStep } from './flow-step.ts';
import type { Platform } from './platform.ts';
import { WorkQueue } from './work-queue.ts';

export class DownloadFlow extends Construct {
  readonly buildArchive: WorkQueue;

  constructor(scope: Construct, id: string, platform: Platform) {
    super(scope, id);
    const step = 'download/build-archive';
    const workTimeout = Duration.minutes(15);
    this.buildArchive = new WorkQueue(this, 'BuildArchiveQueue', {
      settings: platform.settings,
      step,
      workTimeout,
    });
    this.building(platform, step, workTimeout);
    this.linking(platform);
  }

  private building(ground: Platform, step: string, timeout: Duration): void {
    const { database, storage } = ground;
    const buildArchive = new FlowStep(this, 'BuildArchive', {
      ground,
      step,
      description: 'streams an order’s photos into one ZIP',
      timeout,
      memory: 1769, // one whole CPU, and the network that comes with it
      access: [
        database.statements,
        storage.restored('Get'),
        storage.archives('Get', 'Put', 'AbortMultipart'),
      ],
    });
    this.buildArchive.feed(buildArchive, { batchSize: 1 });
  }

  private linking(ground: Platform): void {
    const { api, database, secrets, storage } = ground;
    const createLink = new FlowStep(this, 'CreateLink', {
      ground,
      step: 'download/create-link',
      description: 'makes a link for who holds the order’s key',
      timeout: Duration.seconds(29),
      access: [database.statements, secrets.orderKey, this.buildArchive.sending],
      reads: ['LINK_EXPIRY_SECONDS', 'LINK_MAX_DOWNLOADS'],
    });
    api.route('POST /api/orders/{order}/downloads', createLink, 'The step asks for the order’s key.');
    const openLink = new FlowStep(this, 'OpenLink', {
      ground,
      step: 'download/open-link',
      description: 'checks and counts a link, and redirects to the photo',
      timeout: Duration.seconds(29),
      access: [
        database.statements,
        // A link may be to an original: its row says which bucket that is.
        { ...storage.originals('Get'), environment: {} },
        storage.restored('Get'),
        storage.archives('Get'),
        this.buildArchive.sending,
      ],
    });
    api.route(
      'GET /download/{token}',
      openLink,
      'The token is the permission: random, limited, and it expires.',
    );
  }
}
