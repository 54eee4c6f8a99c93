/** Every two statements that can meet once an order has ended. */
import { deliveries } from './deliveries.ts';
import { testMeetings } from './meetings.ts';

testMeetings(deliveries);
