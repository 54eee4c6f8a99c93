export { createStepFunctions } from './step-functions.ts';
