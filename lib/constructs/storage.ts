/** The three private buckets: photos as uploaded, as sold, and as restored (with archives). */
import { Duration, Stack, Validations } from 'aws-cdk-lib';
import {
  BlockPublicAccess,
  Bucket,
  BucketEncryption,
  type BucketProps,
  type CorsRule,
  EventType,
  HttpMethods,
  type LifecycleRule,
} from 'aws-cdk-lib/aws-s3';
import { SqsDestination } from 'aws-cdk-lib/aws-s3-notifications';
import type { Queue } from 'aws-cdk-lib/aws-sqs';
import { Construct } from 'constructs';
import { prefixes } from '../../lambdas/platform/object-keys.ts';
import type { Settings } from '../settings.ts';
import type { Access } from './access.ts';
import { keepTogether, removalPolicy } from './removal.ts';

const actionNames = {
  Get: 's3:GetObject',
  Put: 's3:PutObject',
  Delete: 's3:DeleteObject',
  PutTagging: 's3:PutObjectTagging',
  AbortMultipart: 's3:AbortMultipartUpload',
};

/** `Find`: that an object is missing is told as such, with 404; without it the answer is 403. */
type ObjectAction = keyof typeof actionNames | 'Find';

export class Storage extends Construct {
  private readonly tempBucket: Bucket;
  private readonly originalsBucket: Bucket;
  private readonly restoredBucket: Bucket;

  constructor(scope: Construct, id: string, settings: Settings) {
    super(scope, id);
    const { uploads } = settings;
    this.tempBucket = this.bucket('Temp', settings, {
      cors: [cors(settings.shop.corsOrigins, HttpMethods.POST)],
      lifecycleRules: [
        expiry('unsold uploads', uploads.expiryDays, { tagFilters: { stage: 'upload' } }),
        expiry('sold uploads', uploads.checkoutExpiryDays, { tagFilters: { stage: 'checkout' } }),
      ],
    });
    this.originalsBucket = this.bucket('Originals', settings, {
      cors: [anyonesDownloads],
    });
    this.restoredBucket = this.bucket('Restored', settings, {
      cors: [anyonesDownloads],
      lifecycleRules: [expiry('archives', settings.archiveDays, { prefix: prefixes.archives })],
    });
    keepTogether(this, settings);
  }

  /** Objects below `uploads/temp/`; without an action, only the bucket's name. */
  temp(...actions: ObjectAction[]): Access {
    return this.access('TEMP_BUCKET', this.tempBucket, prefixes.temp, actions);
  }

  originals(...actions: ObjectAction[]): Access {
    return this.access('ORIGINALS_BUCKET', this.originalsBucket, prefixes.originals, actions);
  }

  restored(...actions: ObjectAction[]): Access {
    return this.access('RESTORED_BUCKET', this.restoredBucket, prefixes.restored, actions);
  }

  archives(...actions: ObjectAction[]): Access {
    return this.access('RESTORED_BUCKET', this.restoredBucket, prefixes.archives, actions);
  }

  /** Finding what builders of archives that died have left. */
  get unfinishedArchives(): Access {
    const { bucketArn, bucketName } = this.restoredBucket;
    return {
      environment: { RESTORED_BUCKET: bucketName },
      statements: [{ actions: ['s3:ListBucketMultipartUploads'], resources: [bucketArn] }],
    };
  }

  /** Tells the queue of every photo that a browser has posted. */
  announceUploads(queue: Queue): void {
    this.announce(EventType.OBJECT_CREATED_POST, queue);
    this.announce(EventType.OBJECT_CREATED_PUT, queue);
  }

  /** Tells the queue of every photo that a lifecycle rule has deleted. */
  announceExpiry(queue: Queue): void {
    this.announce(EventType.LIFECYCLE_EXPIRATION_DELETE, queue);
  }

  private announce(event: EventType, queue: Queue): void {
    this.tempBucket.addEventNotification(event, new SqsDestination(queue), { prefix: prefixes.temp });
    const children = Stack.of(this).node.children;
    const provider = children.find((child) => child.node.id.startsWith('BucketNotificationsHandler'));
    if (!provider)
      throw new Error('CDK no longer makes a BucketNotificationsHandler: acknowledge its successor.');
    Validations.of(provider).acknowledge({
      id: 'AwsSolutions-IAM4[Policy::arn:<AWS::Partition>:iam::aws:policy/service-role/AWSLambdaBasicExecutionRole]',
      reason:
        'CDK’s own function, which sets the bucket’s notifications on deployment; the policy lets it log.',
    });
  }

  /** Not versioned: keys are made of our ids and written once, and an erased photo must be gone. */
  private bucket(id: string, settings: Settings, props: BucketProps): Bucket {
    const bucket = new Bucket(this, id, {
      ...props,
      blockPublicAccess: BlockPublicAccess.BLOCK_ALL,
      encryption: BucketEncryption.S3_MANAGED,
      enforceSSL: true,
      removalPolicy: removalPolicy(settings),
      // A full bucket cannot be deleted.
      autoDeleteObjects: !settings.keepData,
      lifecycleRules: [
        ...(props.lifecycleRules ?? []),
        { id: 'unfinished multipart uploads', abortIncompleteMultipartUploadAfter: Duration.days(2) },
      ],
    });
    Validations.of(bucket).acknowledge({
      id: 'AwsSolutions-S1',
      reason:
        'Access logs would keep customers’ addresses beside their photos; who got which photo is in the audit trail.',
    });
    return bucket;
  }

  private access(variable: string, bucket: Bucket, prefix: string, actions: ObjectAction[]): Access {
    const environment = { [variable]: bucket.bucketName };
    if (actions.length === 0) return { environment, statements: [] };
    const named = actions.flatMap((action) => (action === 'Find' ? [] : actionNames[action]));
    const objects = `${prefix}*`;
    const logicalId = Stack.of(this).resolve(bucket.bucketArn)['Fn::GetAtt'][0];
    return {
      environment,
      statements: [
        { actions: named, resources: [bucket.arnForObjects(objects)] },
        ...(actions.includes('Find') ? [listing(bucket, objects)] : []),
      ],
      acknowledged: [
        {
          id: `AwsSolutions-IAM5[Resource::<${logicalId}.Arn>/${objects}]`,
          reason: `The step works on photos that do not exist yet: their keys are known by ${prefix} only.`,
        },
      ],
    };
  }
}

/**
 * Reading one object names no prefix in its request; whether AWS then takes its key for one is not
 * written down.
 */
function listing(bucket: Bucket, objects: string) {
  return {
    actions: ['s3:ListBucket'],
    resources: [bucket.bucketArn],
    conditions: { StringLikeIfExists: { 's3:prefix': objects } },
  };
}

function cors(allowedOrigins: string[], ...allowedMethods: HttpMethods[]): CorsRule {
  return { allowedOrigins, allowedMethods, allowedHeaders: ['*'], exposedHeaders: ['ETag'], maxAge: 3600 };
}

/**
 * A page that follows a link's redirect comes to the bucket with `Origin: null`, as browsers say
 * after a redirect across origins. Any origin may read: an address is its own permission and no
 * cookie adds to it, so that a page learns nothing which its server could not fetch.
 */
const anyonesDownloads = cors(['*'], HttpMethods.GET, HttpMethods.HEAD);

function expiry(id: string, days: number, of: Partial<LifecycleRule>): LifecycleRule {
  return { id, expiration: Duration.days(days), ...of };
}
