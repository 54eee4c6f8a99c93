/** Email: one step sends what is queued in the database, another hears from SendGrid what became of it. */
import { Duration } from 'aws-cdk-lib';
import { Construct } from 'constructs';
import type { DownloadFlow } from './download-flow.ts';
import { FlowStep } from './flow-step.ts';
import type { Platform } from './platform.ts';
import { WorkQueue } from './work-queue.ts';

export class EmailFlow extends Construct {
  readonly sendEmail: WorkQueue;

  constructor(scope: Construct, id: string, ground: Platform, download: DownloadFlow) {
    super(scope, id);
    const { api, database, secrets, settings, storage } = ground;
    const step = 'email/send-email';
    const workTimeout = Duration.minutes(2);
    this.sendEmail = new WorkQueue(this, 'SendEmailQueue', { settings, step, workTimeout });
    const sendEmail = new FlowStep(this, 'SendEmail', {
      ground,
      step,
      description: 'claims an email and sends it with attachments or links',
      timeout: workTimeout,
      memory: 1024,
      access: [
        database.statements,
        secrets.sendgrid,
        secrets.orderKey,
        storage.restored('Get'),
        this.sendEmail.sending,
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
    this.sendEmail.feed(sendEmail);
    const receiveEvents = new FlowStep(this, 'ReceiveSendGridEvents', {
      ground,
      step: 'email/receive-sendgrid-events',
      description: 'verifies and records deliveries, bounces and drops',
      timeout: Duration.seconds(29),
      access: [database.statements, secrets.sendgrid],
    });
    api.route(
      'POST /api/webhooks/sendgrid',
      receiveEvents,
      'SendGrid signs each batch; the step verifies it.',
    );
  }
}
