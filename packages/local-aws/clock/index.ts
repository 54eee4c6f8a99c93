export { type Activity, createActivity } from './activity.ts';
export { type Clock, createClock, type Timer } from './clock.ts';
