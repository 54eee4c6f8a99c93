/** What differs between environments, and what an operator may want to change. */

export const environments = ['production', 'staging', 'local'] as const;
export type Environment = (typeof environments)[number];

export type Settings = {
  environment: Environment;
  /** The AWS account, 12 digits: deploying with another's credentials is refused. */
  account?: string;
  /** `eu-central-1`; deploying elsewhere is refused. */
  region?: string;
  shop: {
    /** For one photo, tax exclusive, in the currency's minor unit. */
    priceCents: number;
    /** ISO 4217, upper case. */
    currency: string;
    /** Links in emails and Stripe's return addresses begin with it. No slash at the end. */
    siteUrl: string;
    /** Origins whose pages may call the API and the buckets from a browser. */
    corsOrigins: string[];
    senderEmail: string;
    senderName: string;
  };
  uploads: {
    maxFiles: number;
    maxFileBytes: number;
    maxPixels: number;
    /** How long a presigned POST is valid. */
    urlSeconds: number;
    /** Photos nobody checks out live this long; S3's lifecycle counts in days. */
    expiryDays: number;
    /** Photos in a checkout are for sale this long, and go when Stripe says it ended unpaid. */
    unpaidDays: number;
    /** As long as they live at most: Stripe retries for 3 days, dead letters for 14. */
    checkoutExpiryDays: number;
    /** How often the payment page of one session's photos may be opened. */
    maxCheckouts: number;
  };
  restoration: {
    model: string;
    /** Hosts that a restored photo may be fetched from. */
    outputHosts: string[];
    maxOutputBytes: number;
    /** When the poller gives up. The prediction itself is told to end after 15 minutes. */
    deadlineSeconds: number;
    pollSeconds: number;
    /** How many submissions run at once: protects Replicate's limit of 600 creates a minute. */
    submitConcurrency: number;
  };
  /** How long a claimed job or email is its claimer's. */
  leaseSeconds: number;
  links: { expirySeconds: number; maxDownloads: number };
  sharing: {
    maxRecipients: number;
    maxRounds: number;
    /** How many of these mails an address gets a day, of all orders together. */
    maxADay: number;
  };
  archiveDays: number;
  /** How long the audit lies at hand; then it moves to its archive, month by month. */
  auditDays: number;
  queues: {
    /**
     * Batches of a queue that are worked on at once, 2 to 1,000: the database and providers bear so
     * many.
     */
    concurrency: number;
    /**
     * Receives before a message is a dead letter: five wake-ups of the database, and five faults.
     */
    maxReceiveCount: number;
    /** A message waiting longer than this raises the alarm. */
    oldestMessageSeconds: number;
  };
  api: {
    /** What each route takes, counted for itself: anonymous and costly ones less than others. */
    shares: Record<'others' | 'costly' | 'webhooks', { requestsPerSecond: number; burst: number }>;
    /** Functions kept free for each webhook: a full account cannot keep them from answering. */
    webhookReserve: number;
    serverErrorsAlarm: number;
  };
  database: {
    /** Aurora capacity units; the minimum is always 0, so that it may pause. */
    maxCapacity: number;
    autoPauseMinutes: number;
    backupDays: number;
  };
  logDays: 1 | 30 | 90;
  /** Where alarms are mailed, which production must say; elsewhere they only show in CloudWatch. */
  alarmEmail?: string;
  /** US dollars a month that the account may cost before somebody is told; 0 tells nobody. */
  monthlyBudgetUsd: number;
  /** Whether the database and the photos outlive the stack, which then resists being deleted. */
  keepData: boolean;
};

const production: Settings = {
  environment: 'production',
  shop: {
    priceCents: 499,
    currency: 'USD',
    siteUrl: 'https://restoreclick.com',
    corsOrigins: ['https://restoreclick.com', 'https://www.restoreclick.com'],
    senderEmail: 'photos@restoreclick.com',
    senderName: 'RestoreClick',
  },
  uploads: {
    maxFiles: 100,
    maxFileBytes: 50_000_000,
    maxPixels: 100_000_000,
    urlSeconds: 2 * 3600,
    expiryDays: 1,
    unpaidDays: 2,
    checkoutExpiryDays: 30,
    maxCheckouts: 10,
  },
  restoration: {
    model: 'flux-kontext-apps/restore-image',
    outputHosts: ['replicate.delivery'],
    maxOutputBytes: 100_000_000,
    deadlineSeconds: 30 * 60,
    pollSeconds: 10,
    submitConcurrency: 10,
  },
  leaseSeconds: 5 * 60,
  links: { expirySeconds: 7 * 86_400, maxDownloads: 10 },
  sharing: { maxRecipients: 10, maxRounds: 3, maxADay: 3 },
  archiveDays: 7,
  auditDays: 400,
  queues: { concurrency: 10, maxReceiveCount: 10, oldestMessageSeconds: 60 * 60 },
  api: {
    shares: {
      others: { requestsPerSecond: 100, burst: 200 },
      costly: { requestsPerSecond: 10, burst: 50 },
      webhooks: { requestsPerSecond: 100, burst: 200 },
    },
    webhookReserve: 20,
    serverErrorsAlarm: 5,
  },
  database: { maxCapacity: 8, autoPauseMinutes: 10, backupDays: 14 },
  logDays: 90,
  monthlyBudgetUsd: 300,
  keepData: true,
};

const staging: Settings = {
  ...production,
  environment: 'staging',
  shop: {
    ...production.shop,
    siteUrl: 'https://staging.restoreclick.com',
    corsOrigins: ['https://staging.restoreclick.com'],
  },
  restoration: { ...production.restoration, submitConcurrency: 2 },
  database: { maxCapacity: 2, autoPauseMinutes: 5, backupDays: 1 },
  logDays: 30,
  monthlyBudgetUsd: 50,
  keepData: false,
};

/** The system on one machine: any page may call the API, and predictions take seconds. */
const local: Settings = {
  ...staging,
  environment: 'local',
  shop: { ...production.shop, siteUrl: 'http://127.0.0.1:3000', corsOrigins: ['*'] },
  restoration: { ...production.restoration, pollSeconds: 2 },
  queues: { ...production.queues, concurrency: 4 },
  logDays: 1,
  monthlyBudgetUsd: 0,
};

const settings: Record<Environment, Settings> = { production, staging, local };

/** Where each lives and who hears of it; no environment has another's. Fill in before deploying. */
const homes: Record<Environment, Pick<Settings, 'account' | 'region' | 'alarmEmail'>> = {
  production: {},
  staging: {},
  local: {},
};

/**
 * @param changed what this run sets otherwise
 * @throws Error when there is no environment of that name, or nobody would hear its alarms
 */
export function settingsFor(environment: string, changed: Partial<Settings> = {}): Settings {
  const known = environments.find((name) => name === environment);
  if (!known) throw new Error(`No environment "${environment}": it is one of ${environments.join(', ')}.`);
  const found = { ...settings[known], ...homes[known], ...changed };
  if (known === 'production' && !found.alarmEmail) {
    throw new Error(
      'Production needs somebody whom its alarms reach: set alarmEmail in lib/settings.ts, or add -c alarmEmail=you@example.com.',
    );
  }
  return found;
}
