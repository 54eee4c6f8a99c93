export type {
  ApiModel,
  BucketModel,
  CorsRule,
  EventSourceModel,
  FunctionModel,
  LifecycleRule,
  NotificationModel,
  PolicyStatement,
  QueueModel,
  RouteModel,
  RuleModel,
  SecretModel,
  StackModel,
  StateMachineModel,
} from './model.ts';
export { account, region } from './names.ts';
export { readStack } from './template.ts';
