/** Buckets with their lifecycle, cross-origin rules and notifications, as the template has them. */
import { z } from 'zod';
import type { BucketModel, CorsRule, LifecycleRule, NotificationModel } from './model.ts';
import type { Template } from './resources.ts';

const text = z.string();
const texts = z.array(text).default([]);

const lifecycle = z.strictObject({
  Rules: z.array(
    z.strictObject({
      Id: text.default(''),
      Status: z.enum(['Enabled', 'Disabled']),
      Prefix: text.default(''),
      TagFilters: z.array(z.strictObject({ Key: text, Value: text })).default([]),
      ExpirationInDays: z.number().optional(),
      AbortIncompleteMultipartUpload: z.strictObject({ DaysAfterInitiation: z.number() }).optional(),
    }),
  ),
});

const cors = z.strictObject({
  CorsRules: z.array(
    z.strictObject({
      AllowedOrigins: z.array(text),
      AllowedMethods: z.array(text),
      AllowedHeaders: texts,
      ExposedHeaders: texts,
      MaxAge: z.number().optional(),
    }),
  ),
});

const notifications = {
  BucketName: text,
  NotificationConfiguration: z.strictObject({
    QueueConfigurations: z.array(
      z.strictObject({
        Events: z.array(text),
        QueueArn: text,
        Filter: z
          .strictObject({
            Key: z.strictObject({ FilterRules: z.array(z.strictObject({ Name: text, Value: text })) }),
          })
          .optional(),
      }),
    ),
  }),
};

export function readBuckets(template: Template): BucketModel[] {
  const announced = template
    .idsOf('Custom::S3BucketNotifications')
    .map((id) => template.read(id, notifications, ['ServiceToken', 'Managed', 'SkipDestinationValidation']));
  return template.idsOf('AWS::S3::Bucket').map((logicalId) => {
    const bucket = template.identify(logicalId);
    const properties = template.read(
      logicalId,
      { LifecycleConfiguration: lifecycle.optional(), CorsConfiguration: cors.optional() },
      // Every bucket is encrypted, private and its owner's here.
      ['BucketEncryption', 'OwnershipControls', 'PublicAccessBlockConfiguration', 'Tags'],
    );
    return {
      ...bucket,
      lifecycle: lifecycleRules(properties.LifecycleConfiguration),
      cors: corsRules(properties.CorsConfiguration),
      notifications: announced
        .filter(({ BucketName }) => BucketName === bucket.name)
        .flatMap(notificationsOf),
    };
  });
}

function lifecycleRules(of: z.infer<typeof lifecycle> | undefined): LifecycleRule[] {
  const enabled = of?.Rules.filter(({ Status }) => Status === 'Enabled') ?? [];
  return enabled.map(({ Id, Prefix, TagFilters, ExpirationInDays, AbortIncompleteMultipartUpload }) => ({
    id: Id,
    prefix: Prefix,
    tags: Object.fromEntries(TagFilters.map(({ Key, Value }) => [Key, Value])),
    expirationDays: ExpirationInDays,
    abortIncompleteMultipartDays: AbortIncompleteMultipartUpload?.DaysAfterInitiation,
  }));
}

function corsRules(of: z.infer<typeof cors> | undefined): CorsRule[] {
  return (of?.CorsRules ?? []).map((rule) => ({
    origins: rule.AllowedOrigins,
    methods: rule.AllowedMethods,
    headers: rule.AllowedHeaders,
    exposed: rule.ExposedHeaders,
    maxAgeSeconds: rule.MaxAge,
  }));
}

type Announced = z.infer<z.ZodObject<typeof notifications>>;

function notificationsOf({
  NotificationConfiguration: { QueueConfigurations },
}: Announced): NotificationModel[] {
  return QueueConfigurations.map(({ Events, QueueArn, Filter }) => {
    const rules = Filter?.Key.FilterRules ?? [];
    const filterOf = (wanted: string) => rules.find(({ Name }) => Name.toLowerCase() === wanted)?.Value ?? '';
    return { events: Events, queueArn: QueueArn, prefix: filterOf('prefix'), suffix: filterOf('suffix') };
  });
}
