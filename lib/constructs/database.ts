/** Aurora PostgreSQL that sleeps when nobody needs it, reached through the Data API only: nothing else is in its network. */
import { Duration, RemovalPolicy, Validations } from 'aws-cdk-lib';
import { IpAddresses, type IVpc, SubnetType, Vpc } from 'aws-cdk-lib/aws-ec2';
import {
  AuroraPostgresEngineVersion,
  ClusterInstance,
  Credentials,
  DatabaseCluster,
  DatabaseClusterEngine,
} from 'aws-cdk-lib/aws-rds';
import { Secret } from 'aws-cdk-lib/aws-secretsmanager';
import { Construct } from 'constructs';
import type { Settings } from '../settings.ts';
import type { Access } from './flow-step.ts';

const databaseName = 'restoreclick';

export class Database extends Construct {
  /** One statement a call, as the application's role. */
  readonly statements: Access;
  /** Transactions and DDL as the administrator, who also sets the application role's password. */
  readonly administration: Access;

  constructor(scope: Construct, id: string, settings: Settings) {
    super(scope, id);
    const cluster = this.cluster(settings);
    const adminSecret = cluster.secret;
    if (!adminSecret) throw new Error('The cluster has no generated administrator secret.');
    const appSecret = this.appSecret();
    for (const secret of [cluster, appSecret]) {
      Validations.of(secret).acknowledge({
        id: 'AwsSolutions-SMG4',
        reason:
          'A rotation function would need a way into this closed network; the Data API is the only way in, and IAM guards it.',
      });
    }
    this.statements = this.access(cluster, appSecret.secretArn, ['ExecuteStatement']);
    this.administration = this.access(cluster, adminSecret.secretArn, [
      'ExecuteStatement',
      'BeginTransaction',
      'CommitTransaction',
      'RollbackTransaction',
    ]);
    this.administration.environment.APP_SECRET_ARN = appSecret.secretArn;
    this.administration.statements.push(reading(appSecret.secretArn));
  }

  private cluster(settings: Settings): DatabaseCluster {
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
    return new DatabaseCluster(this, 'Cluster', {
      engine: DatabaseClusterEngine.auroraPostgres({ version: AuroraPostgresEngineVersion.VER_17_9 }),
      credentials: Credentials.fromGeneratedSecret('restoreclick_admin'),
      defaultDatabaseName: databaseName,
      writer: ClusterInstance.serverlessV2('Writer'),
      serverlessV2MinCapacity: 0,
      serverlessV2MaxCapacity: settings.database.maxCapacity,
      serverlessV2AutoPauseDuration: Duration.minutes(settings.database.autoPauseMinutes),
      enableDataApi: true,
      iamAuthentication: true,
      vpc: vpc as IVpc, // CDK's declarations do not hold under exactOptionalPropertyTypes
      vpcSubnets: { subnetType: SubnetType.PRIVATE_ISOLATED },
      port: 5433,
      storageEncrypted: true,
      backup: { retention: Duration.days(settings.database.backupDays) },
      deletionProtection: settings.keepData,
      removalPolicy: settings.keepData ? RemovalPolicy.RETAIN : RemovalPolicy.DESTROY,
    });
  }

  private appSecret(): Secret {
    return new Secret(this, 'AppSecret', {
      description: 'The role that the steps use; operations/migrate gives the role this password.',
      generateSecretString: {
        secretStringTemplate: JSON.stringify({ username: 'restoreclick_app' }),
        generateStringKey: 'password',
        passwordLength: 40,
        excludePunctuation: true,
      },
    });
  }

  private access(cluster: DatabaseCluster, secretArn: string, calls: string[]): Access {
    return {
      environment: {
        DATABASE_CLUSTER_ARN: cluster.clusterArn,
        DATABASE_SECRET_ARN: secretArn,
        DATABASE_NAME: databaseName,
      },
      statements: [
        { actions: calls.map((call) => `rds-data:${call}`), resources: [cluster.clusterArn] },
        reading(secretArn),
      ],
    };
  }
}

function reading(secretArn: string) {
  return { actions: ['secretsmanager:GetSecretValue'], resources: [secretArn] };
}
