/** The HTTP API: routes, cross-origin rules, throttling, an access log without secrets. */
import { Duration, Lazy, Validations } from 'aws-cdk-lib';
import { AccessLogFormat } from 'aws-cdk-lib/aws-apigateway';
import {
  type CfnStage,
  CorsHttpMethod,
  HttpApi,
  HttpMethod,
  HttpNoneAuthorizer,
  HttpRoute,
  HttpRouteKey,
  HttpStage,
  LogGroupLogDestination,
} from 'aws-cdk-lib/aws-apigatewayv2';
import { HttpLambdaIntegration } from 'aws-cdk-lib/aws-apigatewayv2-integrations';
import { Construct } from 'constructs';
import type { Settings } from '../settings.ts';
import type { Access } from './access.ts';
import { alarm } from './alarm.ts';
import type { FlowStep } from './flow-step.ts';
import { logGroup } from './log-group.ts';

/** No path and no query: a download's path holds its token. */
const accessLogFormat = {
  requestId: '$context.requestId',
  time: '$context.requestTime',
  route: '$context.routeKey',
  status: '$context.status',
  milliseconds: '$context.responseLatency',
  bytes: '$context.responseLength',
  integrationError: '$context.integrationErrorMessage',
};

export type RouteProps = {
  /** `POST /api/upload`, or `$default` for whatever has no route. */
  route: string;
  /** Why no authorizer stands before it. */
  open: string;
  /** How many requests a second the route takes; `others` by default. */
  share?: keyof Shares;
};

type Shares = Settings['api']['shares'];

export class Api extends Construct {
  private readonly api: HttpApi;
  private readonly stage: CfnStage;
  private readonly shares: Shares;
  private readonly routeKeys: string[] = [];

  constructor(scope: Construct, id: string, settings: Settings) {
    super(scope, id);
    this.shares = settings.api.shares;
    this.api = new HttpApi(this, 'Api', {
      createDefaultStage: false,
      corsPreflight: {
        allowOrigins: settings.shop.corsOrigins,
        allowMethods: [CorsHttpMethod.GET, CorsHttpMethod.POST],
        allowHeaders: ['authorization', 'content-type'],
        exposeHeaders: ['retry-after'],
        maxAge: Duration.hours(1),
      },
    });
    const { others } = settings.api.shares;
    const stage = new HttpStage(this, 'Stage', {
      httpApi: this.api,
      autoDeploy: true,
      throttle: { rateLimit: others.requestsPerSecond, burstLimit: others.burst },
      accessLogSettings: {
        destination: new LogGroupLogDestination(logGroup(this, settings)),
        format: AccessLogFormat.custom(JSON.stringify(accessLogFormat)),
      },
    });
    this.stage = stage.node.findChild('Resource') as CfnStage;
    alarm(this, 'ServerErrorsAlarm', {
      metric: stage.metricServerError({ statistic: 'Sum' }),
      threshold: settings.api.serverErrorsAlarm,
      description: 'The API answers with errors of ours',
      runbook: 'api-errors',
    });
  }

  /** `https://…` without a slash at the end. */
  get url(): string {
    return this.api.apiEndpoint;
  }

  /** All routes, for the step that answers for all others: `POST /api/upload,GET /…`. */
  get routes(): Access {
    const ROUTES = Lazy.string({ produce: () => this.routeKeys.filter((key) => key !== '$default').join() });
    return { environment: { ROUTES }, statements: [] };
  }

  route(step: FlowStep, { route: routeKey, open, share = 'others' }: RouteProps): void {
    this.routeKeys.push(routeKey);
    const route = new HttpRoute(this, `Route ${routeKey.replaceAll('/', ' ')}`, {
      httpApi: this.api,
      routeKey: parseRouteKey(routeKey),
      authorizer: new HttpNoneAuthorizer(),
      integration: new HttpLambdaIntegration(step.step, step.lambda),
    });
    Validations.of(route).acknowledge({ id: 'AwsSolutions-APIG4', reason: open });
    // Each route counts for itself: whoever floods one takes nothing from another.
    const { requestsPerSecond, burst } = this.shares[share];
    // Free-form JSON to CDK, which therefore does not write the names as CloudFormation wants them.
    this.stage.addPropertyOverride(`RouteSettings.${routeKey.replaceAll('.', '\\.')}`, {
      ThrottlingRateLimit: requestsPerSecond,
      ThrottlingBurstLimit: burst,
    });
    this.stage.node.addDependency(route);
  }
}

function parseRouteKey(routeKey: string): HttpRouteKey {
  if (routeKey === '$default') return HttpRouteKey.DEFAULT;
  const [verb, path] = routeKey.split(' ');
  const method = Object.values(HttpMethod).find((known) => known === verb);
  if (!method || !path) throw new Error(`"${routeKey}" is not a route: write a method, a space and a path.`);
  return HttpRouteKey.with(path, method);
}
