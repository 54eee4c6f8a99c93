export { type EventBridgeEvent, eventAbout } from './event.ts';
export { createEventBridge } from './event-bridge.ts';
