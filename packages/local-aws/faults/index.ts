export {
  createFaults,
  type FaultAction,
  type FaultRule,
  type Faults,
  isAbout,
  type OutsideCall,
  type SentRule,
} from './faults.ts';
