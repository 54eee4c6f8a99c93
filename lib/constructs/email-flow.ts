/** Email: one step sends what the database has queued, another hears what became of it. */
import { Duration } from 'aws-cdk-lib';
import { Construct } from 'constructs';
import { ApiStep } from './api-step.ts';
import type { DownloadFlow } from './download-flow.ts';
import type { Platform } from './platform.ts';
import { QueueStep } from './queue-step.ts';
import { alarmAtRefusedWebhooks } from './webhook-alarm.ts';

export class EmailFlow extends Construct {
  readonly sendEmail: QueueStep;

  constructor(scope: Construct, id: string, platform: Platform, download: DownloadFlow) {
    super(scope, id);
    const { api, database, secrets, settings, storage } = platform;
    this.sendEmail = new QueueStep(this, 'SendEmail', platform, {
      step: 'email/send-email',
      description: 'claims an email and sends it with attachments or links',
      timeout: Duration.minutes(2),
      memory: 1024,
      access: [
        database.statements,
        secrets.sendgrid,
        secrets.orderKey,
        storage.restored('Find', 'Get'),
        download.buildArchive.sending,
        { environment: { API_URL: api.url }, statements: [] },
      ],
      reads: [
        'SENDER_EMAIL',
        'SENDER_NAME',
        'SITE_URL',
        'LEASE_SECONDS',
        'LINK_EXPIRY_SECONDS',
        'LINK_MAX_DOWNLOADS',
      ],
    });
    this.sendEmail.allow(this.sendEmail.sending);
    new ApiStep(this, 'Unsubscribe', platform, {
      step: 'email/unsubscribe',
      description: 'remembers who wants no mails that others send through us',
      route: 'POST /unsubscribe/{proof}',
      open: 'The token proves that the email it names was theirs.',
      access: [database.statements, secrets.orderKey],
    });
    const receiveEvents = new ApiStep(this, 'ReceiveSendGridEvents', platform, {
      step: 'email/receive-sendgrid-events',
      description: 'verifies and records deliveries, bounces and drops',
      route: 'POST /api/webhooks/sendgrid',
      share: 'webhooks',
      reserved: settings.api.webhookReserve,
      open: 'SendGrid signs each batch; the step verifies it.',
      // Sends again what a recipient's server has blocked for now.
      access: [database.statements, secrets.sendgrid, this.sendEmail.sending],
    });
    alarmAtRefusedWebhooks(receiveEvents, 'SendGrid');
  }
}
