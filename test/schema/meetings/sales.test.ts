/** Every two statements that can meet from the announcement of photos to their jobs. */
import { testMeetings } from './meetings.ts';
import { sales } from './sales.ts';

testMeetings(sales);
