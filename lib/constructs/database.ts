/** Aurora PostgreSQL that sleeps when nobody needs it, reached through the Data API only. */
import { Duration, RemovalPolicy, Validations } from 'aws-cdk-lib';
import { IpAddresses, type IVpc, SubnetType, Vpc } from 'aws-cdk-lib/aws-ec2';
import {
  AuroraPostgresEngineVersion,
  ClusterInstance,
  Credentials,
  DatabaseCluster,
  DatabaseClusterEngine,
} from 'aws-cdk-lib/aws-rds';
import { type ISecret, Secret } from 'aws-cdk-lib/aws-secretsmanager';
import { Construct } from 'constructs';
import type { Settings } from '../settings.ts';
import { type Access, readingSecret } from './access.ts';

const databaseName = 'restoreclick';

export class Database extends Construct {
  /** One statement a call, as the application's role. */
  readonly statements: Access;
  /** Transactions and DDL as the administrator, who also sets the application role's password. */
  readonly administration: Access;

  constructor(scope: Construct, id: string, settings: Settings) {
    super(scope, id);
    const adminSecret = this.roleSecret('AdminSecret', 'restoreclick_admin', 'The cluster’s administrator.');
    const appSecret = this.roleSecret('AppSecret', 'restoreclick_app', 'The role of the steps.');
    const cluster = this.cluster(settings, this.closedNetwork(), adminSecret);
    this.statements = access(cluster, appSecret, ['ExecuteStatement']);
    this.administration = access(cluster, adminSecret, [
      'ExecuteStatement',
      'BeginTransaction',
      'CommitTransaction',
      'RollbackTransaction',
    ]);
    const password = readingSecret('APP_SECRET_ARN', appSecret.secretArn);
    Object.assign(this.administration.environment, password.environment);
    this.administration.statements.push(...password.statements);
  }

  private closedNetwork(): Vpc {
    const vpc = new Vpc(this, 'Vpc', {
      ipAddresses: IpAddresses.cidr('10.0.0.0/24'),
      maxAzs: 2,
      natGateways: 0,
      subnetConfiguration: [{ name: 'Database', subnetType: SubnetType.PRIVATE_ISOLATED }],
    });
    Validations.of(vpc).acknowledge({
      id: 'AwsSolutions-VPC7',
      reason: 'No route leads in or out and no security group admits anyone: there is no flow to log.',
    });
    return vpc;
  }

  private cluster(settings: Settings, vpc: Vpc, adminSecret: Secret): DatabaseCluster {
    const cluster = new DatabaseCluster(this, 'Cluster', {
      engine: DatabaseClusterEngine.auroraPostgres({ version: AuroraPostgresEngineVersion.VER_17_9 }),
      // CDK's interfaces do not hold under exactOptionalPropertyTypes: hence these two `as`.
      credentials: Credentials.fromSecret(adminSecret as ISecret),
      vpc: vpc as IVpc,
      vpcSubnets: { subnetType: SubnetType.PRIVATE_ISOLATED },
      defaultDatabaseName: databaseName,
      writer: ClusterInstance.serverlessV2('Writer'),
      serverlessV2MinCapacity: 0,
      serverlessV2MaxCapacity: settings.database.maxCapacity,
      serverlessV2AutoPauseDuration: Duration.minutes(settings.database.autoPauseMinutes),
      enableDataApi: true,
      iamAuthentication: true,
      port: 5433,
      storageEncrypted: true,
      backup: { retention: Duration.days(settings.database.backupDays) },
      deletionProtection: settings.keepData,
      removalPolicy: settings.keepData ? RemovalPolicy.RETAIN : RemovalPolicy.DESTROY,
    });
    if (!settings.keepData) {
      Validations.of(cluster).acknowledge({
        id: 'AwsSolutions-RDS10',
        reason: 'This environment keeps nobody’s photos, and is deleted whole.',
      });
    }
    return cluster;
  }

  private roleSecret(id: string, username: string, description: string): Secret {
    const secret = new Secret(this, id, {
      description,
      generateSecretString: {
        secretStringTemplate: JSON.stringify({ username }),
        generateStringKey: 'password',
        passwordLength: 40,
        excludePunctuation: true,
      },
    });
    Validations.of(secret).acknowledge({
      id: 'AwsSolutions-SMG4',
      reason:
        'A rotation function would need a way into this closed network; the Data API, guarded by IAM, is the only one.',
    });
    return secret;
  }
}

function access({ clusterArn }: DatabaseCluster, { secretArn }: Secret, calls: string[]): Access {
  const login = readingSecret('DATABASE_SECRET_ARN', secretArn);
  return {
    environment: {
      ...login.environment,
      DATABASE_CLUSTER_ARN: clusterArn,
      DATABASE_NAME: databaseName,
    },
    statements: [
      { actions: calls.map((call) => `rds-data:${call}`), resources: [clusterArn] },
      ...login.statements,
    ],
  };
}
