/** Download: a link opens photos for a while; several come as one archive, built beforehand. */
import { Duration } from 'aws-cdk-lib';
import { Construct } from 'constructs';
import { ApiStep } from './api-step.ts';
import type { Platform } from './platform.ts';
import { QueueStep } from './queue-step.ts';

export class DownloadFlow extends Construct {
  readonly buildArchive: QueueStep;

  constructor(scope: Construct, id: string, platform: Platform) {
    super(scope, id);
    const { api, database, secrets, storage } = platform;
    this.buildArchive = new QueueStep(this, 'BuildArchive', platform, {
      step: 'download/build-archive',
      description: 'streams an order’s photos into one ZIP',
      timeout: Duration.minutes(15),
      memory: 1769, // one whole CPU, and the network that comes with it
      batchSize: 1,
      access: [
        database.statements,
        storage.restored('Find', 'Get'),
        storage.archives('Find', 'Get', 'Put', 'AbortMultipart'),
        storage.unfinishedArchives,
      ],
    });
    new ApiStep(this, 'CreateLink', platform, {
      step: 'download/create-link',
      description: 'makes a link for who holds the order’s key',
      route: 'POST /api/orders/{order}/downloads',
      open: 'The step asks for the order’s key.',
      access: [
        { environment: { API_URL: api.url }, statements: [] },
        database.statements,
        secrets.orderKey,
        this.buildArchive.sending,
      ],
      reads: ['LINK_EXPIRY_SECONDS', 'LINK_MAX_DOWNLOADS'],
    });
    const open = 'The token is the permission: random, limited, and it expires.';
    const openLink = new ApiStep(this, 'OpenLink', platform, {
      step: 'download/open-link',
      description: 'checks and counts a link, and redirects to the photo',
      route: 'GET /download/{token}',
      open,
      access: [
        database.statements,
        // A link may be to an original: its row says which bucket that is.
        { ...storage.originals('Find', 'Get'), environment: {} },
        storage.restored('Find', 'Get'),
        storage.archives('Find', 'Get'),
        this.buildArchive.sending,
      ],
    });
    api.route(openLink, { route: 'HEAD /download/{token}', open });
  }
}
