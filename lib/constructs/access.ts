import type { PolicyStatementProps } from 'aws-cdk-lib/aws-iam';

/** A permission and the variables that say where to use it, so that none is forgotten. */
export type Access = {
  environment: Record<string, string>;
  statements: Pick<PolicyStatementProps, 'actions' | 'resources' | 'conditions'>[];
  /** cdk-nag findings that this access brings, each with the reason why it stays. */
  acknowledged?: { id: string; reason: string }[];
};

/** What differs by the step that is given it: as whom it goes to the database. */
export type AccessOf = (step: string) => Access;

/** The right to read one secret, whose ARN the step finds in that variable. */
export function readingSecret(variable: string, arn: string): Access {
  return {
    environment: { [variable]: arn },
    statements: [{ actions: ['secretsmanager:GetSecretValue'], resources: [arn] }],
  };
}
