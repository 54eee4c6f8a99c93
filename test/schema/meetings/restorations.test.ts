/** Every two statements that can meet while photos are restored. */
import { testMeetings } from './meetings.ts';
import { restorations } from './restorations.ts';

testMeetings(restorations);
