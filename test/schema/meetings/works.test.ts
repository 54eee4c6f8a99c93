/** Every two statements that can meet while photos are restored, and once the order has ended. */
import { testMeetings } from './meetings.ts';
import { deliveries, restorations } from './works.ts';

testMeetings([...restorations, ...deliveries]);
