/** The HTTP API: routes to steps, cross-origin rules, throttling, and an access log without customers' secrets. */
import { Duration, Lazy, RemovalPolicy, Validations } from 'aws-cdk-lib';
import { AccessLogFormat } from 'aws-cdk-lib/aws-apigateway';
import {
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
import { TreatMissingData } from 'aws-cdk-lib/aws-cloudwatch';
import { LogGroup } from 'aws-cdk-lib/aws-logs';
import { Construct } from 'constructs';
import type { Settings } from '../settings.ts';
import type { Access, FlowStep } from './flow-step.ts';

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

export class Api extends Construct {
  private readonly api: HttpApi;
  private readonly routeKeys: string[] = [];

  constructor(scope: Construct, id: string, settings: Settings) {
    super(scope, id);
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
    const stage = new HttpStage(this, 'Stage', {
      httpApi: this.api,
      autoDeploy: true,
      throttle: { rateLimit: settings.api.rateLimit, burstLimit: settings.api.burstLimit },
      accessLogSettings: {
        destination: new LogGroupLogDestination(this.logs(settings)),
        format: AccessLogFormat.custom(JSON.stringify(accessLogFormat)),
      },
    });
    stage.metricServerError({ statistic: 'Sum' }).createAlarm(this, 'ServerErrorsAlarm', {
      alarmDescription: 'The API answers with errors of ours. Runbook: docs/runbooks/api-errors.md',
      threshold: settings.api.serverErrorsAlarm,
      evaluationPeriods: 1,
      treatMissingData: TreatMissingData.NOT_BREACHING,
    });
  }

  /** `https://…` without a slash at the end. */
  get url(): string {
    return this.api.apiEndpoint;
  }

  /** All routes, whenever they are made, for the step that answers for those that are not: `POST /api/upload,GET /…`. */
  get routes(): Access {
    const ROUTES = Lazy.string({ produce: () => this.routeKeys.filter((key) => key !== '$default').join() });
    return { environment: { ROUTES }, statements: [] };
  }

  /**
   * @param routeKey `POST /api/upload`, or `$default` for whatever has no route
   * @param open why no authorizer stands before it
   */
  route(routeKey: string, step: FlowStep, open: string): void {
    this.routeKeys.push(routeKey);
    const route = new HttpRoute(this, `Route ${routeKey.replaceAll('/', ' ')}`, {
      httpApi: this.api,
      routeKey: parseRouteKey(routeKey),
      authorizer: new HttpNoneAuthorizer(),
      integration: new HttpLambdaIntegration(step.step, step.lambda),
    });
    Validations.of(route).acknowledge({ id: 'AwsSolutions-APIG4', reason: open });
  }

  private logs(settings: Settings): LogGroup {
    return new LogGroup(this, 'Logs', {
      retention: settings.logDays,
      removalPolicy: settings.keepData ? RemovalPolicy.RETAIN : RemovalPolicy.DESTROY,
    });
  }
}

function parseRouteKey(routeKey: string): HttpRouteKey {
  if (routeKey === '$default') return HttpRouteKey.DEFAULT;
  const [verb, path] = routeKey.split(' ');
  const method = Object.values(HttpMethod).find((known) => known === verb);
  if (!method || !path) throw new Error(`"${routeKey}" is not a route: write a method, a space and a path.`);
  return HttpRouteKey.with(path, method);
}
