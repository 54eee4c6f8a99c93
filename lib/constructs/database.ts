/** Aurora PostgreSQL that sleeps when nobody needs it, reached through the Data API only. */
import { Duration, Validations } from 'aws-cdk-lib';
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
import { roleOf, type StepRole, stepRoles } from '../../schema/migrate/step-roles.ts';
import type { Settings } from '../settings.ts';
import { type Access, type AccessOf, readingSecret } from './access.ts';
import { keepTogether, removalPolicy } from './removal.ts';

const databaseName = 'restoreclick';

/** Where the migration finds each role's secret. */
const secretVariables: Record<StepRole, string> = {
  restoreclick_public_read: 'PUBLIC_READ_SECRET_ARN',
  restoreclick_public_write: 'PUBLIC_WRITE_SECRET_ARN',
  restoreclick_work: 'WORK_SECRET_ARN',
};

export class Database extends Construct {
  /** One statement a call, as the role that the step belongs to. */
  readonly statements: AccessOf;
  /** Transactions and DDL as the administrator, who also sets the roles' passwords. */
  readonly administration: Access;
  readonly cluster: DatabaseCluster;

  constructor(scope: Construct, id: string, settings: Settings) {
    super(scope, id);
    const adminSecret = this.roleSecret('AdminSecret', 'restoreclick_admin', 'The cluster’s administrator.');
    this.cluster = this.sleepyCluster(settings, this.closedNetwork(), adminSecret);
    const secrets = {
      restoreclick_public_read: this.stepSecret('PublicReadSecret', 'restoreclick_public_read'),
      restoreclick_public_write: this.stepSecret('PublicWriteSecret', 'restoreclick_public_write'),
      restoreclick_work: this.stepSecret('WorkSecret', 'restoreclick_work'),
    };
    this.statements = (step) => {
      const role = roleOf(step);
      if (!role) throw new Error(`Say in schema/migrate/step-roles.ts which role ${step} belongs to.`);
      return access(this.cluster, secrets[role], ['ExecuteStatement']);
    };
    this.administration = access(this.cluster, adminSecret, [
      'ExecuteStatement',
      'BeginTransaction',
      'CommitTransaction',
      'RollbackTransaction',
    ]);
    for (const role of stepRoles) {
      const password = readingSecret(secretVariables[role], secrets[role].secretArn);
      Object.assign(this.administration.environment, password.environment);
      this.administration.statements.push(...password.statements);
    }
    keepTogether(this, settings);
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

  private sleepyCluster(settings: Settings, vpc: Vpc, adminSecret: Secret): DatabaseCluster {
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
      removalPolicy: removalPolicy(settings),
    });
    Validations.of(cluster).acknowledge({
      id: 'AwsSolutions-RDS10',
      reason: settings.keepData
        ? 'The last resource of a deployment switches it on; a failed first one could not roll back.'
        : 'This environment keeps nobody’s photos, and is deleted whole.',
    });
    return cluster;
  }

  private stepSecret(id: string, role: StepRole): Secret {
    return this.roleSecret(id, role, 'A role of the steps.');
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
