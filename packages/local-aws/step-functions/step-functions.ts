/** Step Functions: Standard state machines in JSONata, as far as stack and operators use them. */
import { type Clock, createActivity } from '../clock/index.ts';
import type { EventBridgeEvent } from '../event-bridge/index.ts';
import { type AwsService, jsonService } from '../gateway/index.ts';
import type { Store } from '../store/index.ts';
import type { StateMachineModel } from '../template/index.ts';
import { readMachine } from './definition.ts';
import { type Execution, isForgotten } from './execution.ts';
import { createEvaluate } from './expressions.ts';
import { createHistory } from './history.ts';
import { createOperations } from './operations.ts';
import { createRunner } from './runner.ts';
import type { Backends } from './tasks.ts';

export type StepFunctionsOptions = Backends & {
  stateMachines: StateMachineModel[];
  store: Store;
  clock: Clock;
  /** In [0, 1); for jitter and `$random()`. */
  random?: () => number;
  /** Resolves once EventBridge has the event for good. */
  emit(event: EventBridgeEvent): Promise<void>;
  log(message: string): void;
};

export type StepFunctions = {
  service: AwsService;
  /** Continues what was running when the system ended; call it once what tasks call is up. */
  resume(): Promise<void>;
  /** Resolves once every execution has ended or waits on the clock. */
  idle(): Promise<void>;
  /** Stops working on executions; they stay in the store as they are. */
  stop(): Promise<void>;
};

/** Refuses, by throwing, a state machine that it could not run. */
export async function createStepFunctions(options: StepFunctionsOptions): Promise<StepFunctions> {
  const { stateMachines, store, clock, random = Math.random, emit, log } = options;
  const machines = new Map(stateMachines.map((model) => [model.arn, readMachine(model)]));
  const executions = await store.collection<Execution>('step-functions-executions');
  const now = () => Math.floor(clock.now());
  const history = await createHistory(store, now);
  const evaluate = createEvaluate({ now, random });
  const activity = createActivity();
  const engine = { executions, history, evaluate, clock, random, backends: options };
  const runner = createRunner({ ...engine, emit, activity, log });
  const operations = createOperations({ machines, executions, history, runner, now });

  async function resume() {
    for (const [arn, execution] of executions.entries()) {
      const machine = machines.get(execution.machineArn);
      if (isForgotten(execution, now())) {
        await history.forget(arn);
        await executions.delete(arn);
      } else if (execution.status !== 'RUNNING') {
        await runner.announce(execution);
      } else if (machine) {
        runner.launch(execution, machine);
      } else {
        log(`Execution ${execution.name} cannot go on: there is no ${execution.machineArn} any more.`);
      }
    }
  }
  return {
    service: jsonService('Step Functions', operations),
    resume,
    idle: activity.idle,
    stop: runner.stop,
  };
}
