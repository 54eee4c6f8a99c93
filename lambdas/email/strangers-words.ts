/** What somebody may have us write to somebody else: a name, and words without a link. */

/**
 * Letters of any script, as in “Dr. Zoë O’Neil-Śmith & Bob”; a dot only where no address goes on.
 */
const name = /^(?=.*\p{L})(?:[\p{L}\p{M} '’&-]|\.(?![^\s]))+$/u;
export const longestName = 60;

/** Whether that can be nothing but somebody's name. */
export const isName = (text: string): boolean => [...text].length <= longestName && name.test(text);

/**
 * What a mail program would make a link of: an address of the web or of a mailbox, or any words
 * that a dot joins.
 */
const link = /\S*(?:\w:\/\/|www\.|@|[\p{L}\p{N}]\.\p{L}{2})\S*/iu;

/** The first word in a text that is, or may be taken for, a link. */
export const linkIn = (text: string): string | undefined => link.exec(text)?.[0].slice(0, 60);
