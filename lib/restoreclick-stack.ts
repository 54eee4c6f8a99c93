/** The whole of RestoreClick: what it stands on, then one construct a flow. */
import { CfnOutput, Fn, Stack } from 'aws-cdk-lib';
import type { Construct } from 'constructs';
import { Api } from './constructs/api.ts';
import { Database } from './constructs/database.ts';
import { DeletionProtection } from './constructs/deletion-protection.ts';
import { DownloadFlow } from './constructs/download-flow.ts';
import { EmailFlow } from './constructs/email-flow.ts';
import type { Deployment } from './constructs/flow-step.ts';
import { logGroupsOfHelpers } from './constructs/log-group.ts';
import { Migration } from './constructs/migration.ts';
import { Monitoring } from './constructs/monitoring.ts';
import { Operations } from './constructs/operations.ts';
import { OrderFlow } from './constructs/order-flow.ts';
import { PaymentFlow } from './constructs/payment-flow.ts';
import type { Platform } from './constructs/platform.ts';
import { RestorationFlow } from './constructs/restoration-flow.ts';
import { Secrets } from './constructs/secrets.ts';
import { Storage } from './constructs/storage.ts';
import { UploadFlow } from './constructs/upload-flow.ts';

export class RestoreClickStack extends Stack {
  /** Named after its environment, so that no environment can be deployed over another. */
  constructor(scope: Construct, deployment: Deployment) {
    const { settings } = deployment;
    const { account, region, environment } = settings;
    super(scope, `RestoreClick-${environment}`, {
      description: `RestoreClick, ${environment}: restores old photographs`,
      env: { ...(account && { account }), ...(region && { region }) },
      terminationProtection: settings.keepData,
    });
    const platform: Platform = {
      ...deployment,
      api: new Api(this, 'Api', settings),
      database: new Database(this, 'Database', settings),
      secrets: new Secrets(this, 'Secrets', settings),
      storage: new Storage(this, 'Storage', settings),
    };

    const upload = new UploadFlow(this, 'Upload', platform);
    const download = new DownloadFlow(this, 'Download', platform);
    const email = new EmailFlow(this, 'Email', platform, download);
    const restoration = new RestorationFlow(this, 'Restoration', platform, email);
    const payment = new PaymentFlow(this, 'Payment', platform, { restoration, email });
    const order = new OrderFlow(this, 'Order', platform, { payment, email });
    const operations = new Operations(this, 'Operations', platform, [
      payment.keepOriginal,
      restoration.submitJob,
      restoration.completeOrder,
      email.sendEmail,
    ]);

    const migration = new Migration(this, 'Migration', platform);
    const flows = [upload, download, email, restoration, payment, order, operations];
    migration.before(...flows);
    if (settings.keepData) new DeletionProtection(this, 'DeletionProtection', platform.database, flows);
    logGroupsOfHelpers(this, settings);
    new Monitoring(this, 'Monitoring', settings).listenTo(this);
    new CfnOutput(this, 'ApiUrl', { value: platform.api.url });
  }

  /** CDK would look a pinned region's zones up, with credentials; CloudFormation knows them. */
  override get availabilityZones(): string[] {
    return [0, 1].map((index) => Fn.select(index, Fn.getAzs()));
  }
}
