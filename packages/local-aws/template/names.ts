/** What things are called here: names, ARNs, what `Ref` and `Fn::GetAtt` mean for each type. */
import { createHash } from 'node:crypto';

export const region = 'us-east-1';
export const account = '000000000000';

/** What only the running local system knows. */
export type LocalAddresses = {
  /** @param name the queue's name */
  queueUrl(name: string): string;
  /** Of the HTTP API, without a slash at the end. */
  apiUrl: string;
};

/** A resource's name: its logical id as S3 takes it, at most 63 characters, CDK's hash kept. */
export function physicalName(logicalId: string): string {
  const name = logicalId.toLowerCase();
  return name.length <= 63 ? name : `${name.slice(0, 55)}${name.slice(-8)}`;
}

const arn = (service: string, rest: string) => `arn:aws:${service}:${region}:${account}:${rest}`;

/** ARNs of secrets end in six characters that AWS draws. */
function secretArn(name: string): string {
  const drawn = createHash('sha256').update(name).digest('hex').slice(0, 6);
  return arn('secretsmanager', `secret:${name}-${drawn}`);
}

type Meaning = {
  ref(name: string, local: LocalAddresses): string;
  attributes?: Record<string, (name: string, local: LocalAddresses) => string>;
};

const named = (name: string) => name;

/** By resource type; what is not here is not referenced by anything that runs locally. */
export const meanings: Record<string, Meaning> = {
  'AWS::ApiGatewayV2::Api': { ref: named, attributes: { ApiEndpoint: (_, { apiUrl }) => apiUrl } },
  'AWS::ApiGatewayV2::Integration': { ref: named },
  'AWS::Events::Rule': { ref: named, attributes: { Arn: (name) => arn('events', `rule/${name}`) } },
  'AWS::IAM::Role': { ref: named, attributes: { Arn: (name) => `arn:aws:iam::${account}:role/${name}` } },
  'AWS::Lambda::Function': { ref: named, attributes: { Arn: (name) => arn('lambda', `function:${name}`) } },
  'AWS::Logs::LogGroup': { ref: named, attributes: { Arn: (name) => arn('logs', `log-group:${name}:*`) } },
  'AWS::RDS::DBCluster': { ref: named },
  'AWS::S3::Bucket': { ref: named, attributes: { Arn: (name) => `arn:aws:s3:::${name}` } },
  'AWS::SecretsManager::Secret': { ref: secretArn },
  'AWS::SQS::Queue': {
    ref: (name, { queueUrl }) => queueUrl(name),
    attributes: { Arn: (name) => arn('sqs', name), QueueName: named },
  },
  'AWS::StepFunctions::StateMachine': {
    ref: (name) => arn('states', `stateMachine:${name}`),
    attributes: { Arn: (name) => arn('states', `stateMachine:${name}`), Name: named },
  },
};

export const pseudoParameters: Record<string, string> = {
  'AWS::AccountId': account,
  'AWS::Partition': 'aws',
  'AWS::Region': region,
  'AWS::URLSuffix': 'amazonaws.com',
};
