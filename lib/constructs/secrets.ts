/** The providers' keys, which an operator fills in, and the key that orders' keys are made with. */
import { Validations } from 'aws-cdk-lib';
import { CfnSecret, Secret } from 'aws-cdk-lib/aws-secretsmanager';
import { Construct } from 'constructs';
import type { Settings } from '../settings.ts';
import { type Access, readingSecret } from './access.ts';
import { keepTogether } from './removal.ts';

export class Secrets extends Construct {
  readonly stripe: Access;
  readonly replicate: Access;
  readonly sendgrid: Access;
  readonly orderKey: Access;

  constructor(scope: Construct, id: string, settings: Settings) {
    super(scope, id);
    this.stripe = this.filledIn('Stripe', 'STRIPE_SECRET_ARN', ['apiKey', 'webhookSecret']);
    this.replicate = this.filledIn('Replicate', 'REPLICATE_SECRET_ARN', ['apiToken']);
    this.sendgrid = this.filledIn('SendGrid', 'SENDGRID_SECRET_ARN', ['apiKey', 'webhookPublicKey']);
    this.orderKey = this.generated('OrderKey', 'ORDER_KEY_SECRET_ARN');
    keepTogether(this, settings);
  }

  /** Made empty; no later deployment touches what an operator fills in. */
  private filledIn(id: string, variable: string, members: string[]): Access {
    const secret = new CfnSecret(this, id, { description: `${id}: JSON with ${members.join(' and ')}` });
    Validations.of(secret).acknowledge({
      id: 'AwsSolutions-SMG4',
      reason: `${id} issues this key: only a person can renew it there.`,
    });
    return readingSecret(variable, secret.ref);
  }

  private generated(id: string, variable: string): Access {
    const secret = new Secret(this, id, {
      description: 'Orders’ keys are HMACs of their ids, made with this.',
      generateSecretString: { passwordLength: 64, excludePunctuation: true },
    });
    Validations.of(secret).acknowledge({
      id: 'AwsSolutions-SMG4',
      reason: 'Another key would break every link in every email sent so far.',
    });
    return readingSecret(variable, secret.secretArn);
  }
}
