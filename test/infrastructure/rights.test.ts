/**
 * What each step may do, to photos, secrets and the database: what it works on, and nothing else.
 */
import { afterAll, describe, expect, test } from '@jest/globals';
import { roleOf } from '../../schema/migrate/step-roles.ts';
import { allSteps, nameOf, rights, synthesizeStack } from './synthesized.ts';

const stack = synthesizeStack();
const { model, step } = stack;
afterAll(stack.remove);

const bucketOf = (variable: string) => {
  const name =
    step('payment/keep-original').environment[variable] ?? step('download/open-link').environment[variable];
  return `arn:aws:s3:::${name}`;
};

describe('photos', () => {
  const allowed: Record<string, string[]> = {
    'upload/create-session': ['temp Put', 'temp PutTagging'],
    'upload/renew-session': ['temp Put', 'temp PutTagging'],
    'upload/record-upload': ['temp Get', 'temp Delete'],
    'payment/create-checkout': ['temp PutTagging'],
    'payment/settle-payment': ['temp Delete'],
    'payment/keep-original': ['temp Get', 'originals Get', 'originals Put', 'originals PutTagging'],
    'restoration/submit-job': ['originals Get'],
    'restoration/store-restored': ['restored Get', 'restored Put', 'restored Abort'],
    'email/send-email': ['restored Get'],
    'download/open-link': ['originals Get', 'restored Get', 'archives Get'],
    'download/build-archive': ['restored Get', 'archives Get', 'archives Put', 'archives Abort'],
  };
  const actions: Record<string, string> = {
    Get: 's3:GetObject',
    Put: 's3:PutObject',
    Delete: 's3:DeleteObject',
    PutTagging: 's3:PutObjectTagging',
    Abort: 's3:AbortMultipartUpload',
  };
  const places: Record<string, string> = {
    temp: `${bucketOf('TEMP_BUCKET')}/uploads/temp/*`,
    originals: `${bucketOf('ORIGINALS_BUCKET')}/uploads/originals/*`,
    restored: `${bucketOf('RESTORED_BUCKET')}/uploads/restored/*`,
    archives: `${bucketOf('RESTORED_BUCKET')}/uploads/archives/*`,
  };

  test.each(allSteps)('%s touches those it works on and no others', (name) => {
    const expected = (allowed[name] ?? []).map((right) => {
      const [place = '', action = ''] = right.split(' ');
      return `${actions[action]} ${places[place]}`;
    });
    const touched = rights(step(name)).filter((right) => /^s3:(?!ListBucket)/.test(right));
    expect(touched).toEqual(expected.sort());
  });

  test.each(allSteps)('%s is told that one is missing where it looks for it, and nowhere else', (name) => {
    const sought = (allowed[name] ?? [])
      .filter((right) => / Get$/.test(right) || (right.endsWith(' PutTagging') && name.endsWith('checkout')))
      .map((right) => places[right.split(' ')[0] ?? '']);
    const listed = step(name)
      .policy.filter(({ actions }) => actions.includes('s3:ListBucket'))
      .flatMap(({ resources, conditions }) =>
        resources.flatMap((bucket) =>
          (conditions.StringLikeIfExists?.['s3:prefix'] ?? ['*']).map((prefix) => `${bucket}/${prefix}`),
        ),
      );
    expect(new Set(listed)).toEqual(new Set(sought));
  });
});

test('only who builds archives sees what was left unfinished', () => {
  const lists = allSteps.filter((name) =>
    rights(step(name)).some((right) => right.startsWith('s3:ListBucketMultipartUploads ')),
  );
  expect(lists).toEqual(['download/build-archive']);
});

describe('secrets', () => {
  const readers: Record<string, string[]> = {
    STRIPE_SECRET_ARN: [
      'payment/create-checkout',
      'payment/receive-stripe-event',
      'payment/place-order',
      'payment/settle-payment',
      'payment/sweep-payments',
      'order/claim-order',
    ],
    REPLICATE_SECRET_ARN: [
      'restoration/submit-job',
      'restoration/check-prediction',
      'restoration/fail-attempt',
    ],
    SENDGRID_SECRET_ARN: ['email/send-email', 'email/receive-sendgrid-events'],
    ORDER_KEY_SECRET_ARN: [
      'email/send-email',
      'email/unsubscribe',
      'download/create-link',
      'order/claim-order',
      'order/get-order',
      'order/share-order',
    ],
    PUBLIC_READ_SECRET_ARN: ['operations/migrate'],
    PUBLIC_WRITE_SECRET_ARN: ['operations/migrate'],
    WORK_SECRET_ARN: ['operations/migrate'],
  };

  test.each(Object.entries(readers))('%s is read by %j only', (variable, names) => {
    const told = model.functions.filter(({ environment }) => variable in environment);
    expect(told.map(nameOf).sort()).toEqual([...names].sort());
    for (const each of told) {
      expect(rights(each)).toContain(`secretsmanager:GetSecretValue ${each.environment[variable]}`);
    }
  });

  test('nobody reads a secret that it was not told of', () => {
    for (const each of model.functions) {
      const read = rights(each).flatMap((right) => /^secretsmanager:\w+ (.+)$/.exec(right)?.[1] ?? []);
      expect(Object.values(each.environment)).toEqual(expect.arrayContaining(read));
    }
  });

  test('the providers’ are empty until an operator fills them in', () => {
    const given = [
      step('payment/place-order').environment.STRIPE_SECRET_ARN,
      step('restoration/submit-job').environment.REPLICATE_SECRET_ARN,
      step('email/send-email').environment.SENDGRID_SECRET_ARN,
    ];
    const empty = model.secrets.filter(({ generate }) => generate === undefined).map(({ arn }) => arn);
    expect(empty.sort()).toEqual(given.sort());
  });
});

describe('the database', () => {
  const withoutIt = [
    'payment/receive-stripe-event',
    'payment/sweep-payments',
    'restoration/check-prediction',
    'operations/not-found',
  ];

  test.each(allSteps)(
    '%s reaches it with one statement a call, as the role of its statements, or not at all',
    (name) => {
      const { policy, environment } = step(name);
      const database = rights({ policy }).filter((right) => right.startsWith('rds-data:'));
      if (name === 'operations/migrate') return expect(database.length).toBe(4);
      const one = `rds-data:ExecuteStatement ${model.database.clusterArn}`;
      expect(database).toEqual(withoutIt.includes(name) ? [] : [one]);
      const login = model.secrets.find(({ arn }) => arn === environment.DATABASE_SECRET_ARN);
      expect(login?.generate?.template?.username).toBe(roleOf(name));
    },
  );

  test('only the migration is its administrator, and knows the password of each role', () => {
    const { environment } = step('operations/migrate');
    const admins = model.functions.filter(
      (each) => each.environment.DATABASE_SECRET_ARN === model.database.adminSecretArn,
    );
    expect(admins.map(nameOf)).toEqual(['operations/migrate']);
    for (const [variable, name] of [
      ['PUBLIC_READ_SECRET_ARN', 'order/get-order'],
      ['PUBLIC_WRITE_SECRET_ARN', 'upload/create-session'],
      ['WORK_SECRET_ARN', 'payment/place-order'],
    ] as const)
      expect(environment[variable]).toBe(step(name).environment.DATABASE_SECRET_ARN);
  });
});

test('nobody may do everything, or anything to everything', () => {
  const wide = model.functions.flatMap(rights).filter((right) => / \*$|:\* /.test(right));
  expect(wide).toEqual([]);
});
