/**
 * The stack as it is synthesized, for tests: real settings and constructs, with empty bundles so
 * that no handler need compile.
 */
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type FunctionModel, readStack, type StackModel } from '@restoreclick/local-aws';
import { synthesize } from '../../lib/app.ts';
import type { Settings } from '../../lib/settings.ts';

export type Resource = { Type: string; Properties: Record<string, unknown> };

export type Synthesized = {
  folder: string;
  model: StackModel;
  /** All, by logical id, unresolved. */
  resources(): [string, Resource][];
  /** Those of that type. */
  resourcesOf(type: string): [string, Resource][];
  /** The function of a step such as `payment/place-order`. */
  step(name: string): FunctionModel;
  remove(): void;
};

/** The product's steps, by what sets them off. */
export const steps = {
  routes: {
    'POST /api/upload': 'upload/create-session',
    'GET /api/upload/{session}': 'upload/get-session',
    'POST /api/upload/{session}/renew': 'upload/renew-session',
    'POST /api/checkout': 'payment/create-checkout',
    'POST /api/webhooks/stripe': 'payment/receive-stripe-event',
    'POST /api/webhooks/sendgrid': 'email/receive-sendgrid-events',
    'POST /api/orders/claim': 'order/claim-order',
    'GET /api/orders/{order}': 'order/get-order',
    'POST /api/orders/{order}/downloads': 'download/create-link',
    'POST /api/orders/{order}/share': 'order/share-order',
    'GET /download/{token}': 'download/open-link',
    'HEAD /download/{token}': 'download/open-link',
    'POST /unsubscribe/{proof}': 'email/unsubscribe',
    $default: 'operations/not-found',
  },
  queues: [
    'upload/record-upload',
    'upload/expire-uploads',
    'payment/place-order',
    'payment/keep-original',
    'payment/settle-payment',
    'restoration/submit-job',
    'restoration/fail-attempt',
    'restoration/complete-order',
    'email/send-email',
    'download/build-archive',
  ],
  others: [
    'restoration/check-prediction',
    'restoration/store-restored',
    'payment/sweep-payments',
    'operations/reconcile',
    'operations/migrate',
  ],
};

export const allSteps = [...new Set(Object.values(steps.routes)), ...steps.queues, ...steps.others];

const somebody = { alarmEmail: 'alarms@example.com' };

/**
 * @param bundles a folder of real bundles, instead of empty ones
 * @param changed what differs from the environment's settings
 */
export function synthesizeStack(
  environment = 'production',
  bundles?: string,
  changed: Partial<Settings> = somebody,
): Synthesized {
  const folder = mkdtempSync(join(tmpdir(), 'restoreclick-stack-'));
  const remove = () => rmSync(folder, { recursive: true, force: true });
  try {
    return { ...read(assemble(folder, environment, bundles, changed), environment), remove };
  } catch (error) {
    remove();
    throw error;
  }
}

const assemble = (
  folder: string,
  environment: string,
  bundles: string | undefined,
  changed: Partial<Settings>,
) =>
  synthesize({
    outdir: join(folder, 'assembly'),
    bundles: bundles ?? emptyBundles(join(folder, 'bundles')),
    environment,
    changed,
    fast: true,
  });

function read(assembly: string, environment: string): Omit<Synthesized, 'remove'> {
  const template: { Resources: Record<string, Resource> } = JSON.parse(
    readFileSync(join(assembly, `RestoreClick-${environment}.template.json`), 'utf8'),
  );
  const model = readStack(assembly, {
    queueUrl: (name) => `http://127.0.0.1:4566/000000000000/${name}`,
    apiUrl: 'http://127.0.0.1:3001',
  });
  return {
    folder: assembly,
    model,
    resources: () => Object.entries(template.Resources),
    resourcesOf: (type) => Object.entries(template.Resources).filter(([, { Type }]) => Type === type),
    step: (name) => stepOf(model, name),
  };
}

function emptyBundles(folder: string): string {
  for (const step of allSteps) {
    mkdirSync(join(folder, step), { recursive: true });
    writeFileSync(join(folder, step, 'index.mjs'), `// ${step}\n`);
  }
  return folder;
}

/** Which step a function is: its description begins with the name. */
export function nameOf({ description }: FunctionModel): string {
  return description.slice(0, description.indexOf(':'));
}

/** `action on resource` pairs, without the right to write its own log. */
export const rights = (of: { policy: FunctionModel['policy'] }) =>
  of.policy
    .flatMap(({ actions, resources }) =>
      actions.flatMap((action) => resources.map((on) => `${action} ${on}`)),
    )
    .filter((right) => !right.startsWith('logs:'))
    .sort();

function stepOf(model: StackModel, name: string): FunctionModel {
  const found = model.functions.find((each) => nameOf(each) === name);
  if (!found) throw new Error(`The stack has no step ${name}.`);
  return found;
}
