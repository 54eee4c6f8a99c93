/** Where alarms and the budget are heard. Each construct brings its own alarms. */
import { Stack } from 'aws-cdk-lib';
import { CfnBudget } from 'aws-cdk-lib/aws-budgets';
import { Alarm } from 'aws-cdk-lib/aws-cloudwatch';
import { SnsAction } from 'aws-cdk-lib/aws-cloudwatch-actions';
import { PolicyStatement, ServicePrincipal } from 'aws-cdk-lib/aws-iam';
import { Topic } from 'aws-cdk-lib/aws-sns';
import { EmailSubscription } from 'aws-cdk-lib/aws-sns-subscriptions';
import { Construct } from 'constructs';
import type { Settings } from '../settings.ts';

export class Monitoring extends Construct {
  private readonly topic: Topic;

  constructor(scope: Construct, id: string, settings: Settings) {
    super(scope, id);
    this.topic = new Topic(this, 'Alarms', { enforceSSL: true });
    this.admit('cloudwatch.amazonaws.com');
    if (settings.alarmEmail) this.topic.addSubscription(new EmailSubscription(settings.alarmEmail));
    if (settings.monthlyBudgetUsd) this.budget(settings.monthlyBudgetUsd);
  }

  /** Makes every alarm below `scope` heard when it rises and when it ends. */
  listenTo(scope: Construct): void {
    const action = new SnsAction(this.topic);
    for (const construct of scope.node.findAll()) {
      if (!(construct instanceof Alarm)) continue;
      construct.addAlarmAction(action);
      construct.addOkAction(action);
    }
  }

  /** A topic's own policy, such as refusing plain HTTP, replaces the one by which AWS publishes. */
  private admit(service: string): void {
    this.topic.addToResourcePolicy(
      new PolicyStatement({
        principals: [new ServicePrincipal(service)],
        actions: ['sns:Publish'],
        resources: [this.topic.topicArn],
        conditions: { StringEquals: { 'aws:SourceAccount': Stack.of(this).account } },
      }),
    );
  }

  /** Told when the month's cost of the whole account is spent, and when it will be. */
  private budget(amount: number): void {
    this.admit('budgets.amazonaws.com');
    const { stackName } = Stack.of(this);
    const budget = new CfnBudget(this, 'Budget', {
      budget: {
        budgetName: `${stackName} monthly cost`,
        budgetType: 'COST',
        timeUnit: 'MONTHLY',
        budgetLimit: { amount, unit: 'USD' },
      },
      notificationsWithSubscribers: ['ACTUAL', 'FORECASTED'].map((notificationType) => ({
        notification: { notificationType, comparisonOperator: 'GREATER_THAN', threshold: 100 },
        subscribers: [{ subscriptionType: 'SNS', address: this.topic.topicArn }],
      })),
    });
    // AWS tries the topic when it makes the budget.
    budget.node.addDependency(this.topic);
  }
}
