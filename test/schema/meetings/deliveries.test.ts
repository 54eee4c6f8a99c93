/** Every two statements that can meet once an order has ended. */
import { testMeetings } from './meetings.ts';
import { deliveries } from './works.ts';

testMeetings(deliveries);
