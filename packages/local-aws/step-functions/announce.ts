/** Tells EventBridge how executions stand, once for each status, over restarts too. */
import { type EventBridgeEvent, eventAbout } from '../event-bridge/index.ts';
import type { Execution } from './execution.ts';
import { type Engine, save } from './visit.ts';

/** Tells EventBridge of the execution's present status unless it knows. */
export type Announce = (execution: Execution) => Promise<void>;

/** @param emit resolves once EventBridge has the event for good */
export function createAnnounce(
  engine: Pick<Engine, 'executions' | 'clock'>,
  emit: (event: EventBridgeEvent) => Promise<void>,
  log: (message: string) => void,
): Announce {
  return async (execution) => {
    const { status, name } = execution;
    if (execution.announced === status) return;
    try {
      await emit(statusChange(execution, Math.floor(engine.clock.now())));
      execution.announced = status;
      await save(engine, execution);
    } catch (error) {
      log(`EventBridge was not told that execution ${name} is ${status}; the next start tells it. ${error}`);
    }
  };
}

/** The event that tells the present status; its times are in ms, as AWS's are. */
function statusChange(execution: Execution, now: number): EventBridgeEvent {
  const { arn, machineArn, name, status, startedAt, stoppedAt, input, output, error, cause } = execution;
  const detail = {
    executionArn: arn,
    stateMachineArn: machineArn,
    name,
    status,
    startDate: startedAt,
    stopDate: stoppedAt ?? null,
    input,
    output: output ?? null,
    error: error ?? null,
    cause: cause ?? null,
    redriveCount: execution.redriveCount,
    redriveDate: execution.redrivenAt ?? null,
  };
  return eventAbout(arn, {
    source: 'aws.states',
    type: 'Step Functions Execution Status Change',
    detail,
    at: now,
  });
}
