/** The options of this project's commands. */
import { type ParseArgsConfig, parseArgs } from 'node:util';

/**
 * What was given on the command line, by name.
 * @param usage a sentence that says which options there are, for who gave another
 * @throws Error that names the wrong one and ends in `usage`
 */
export function readOptions<const T extends NonNullable<ParseArgsConfig['options']>>(
  options: T,
  usage: string,
  args = process.argv.slice(2),
) {
  try {
    return parseArgs({ options, args }).values;
  } catch (error) {
    // What Node says after its first sentence is about arguments that begin with a dash.
    const [what] = (error as Error).message.split(/\.? To |\.\s/);
    throw new Error(`${what}. ${usage}`);
  }
}

/** Runs a command; one that throws ends with its sentence and code 1. */
export async function command(work: () => Promise<void>): Promise<void> {
  try {
    await work();
  } catch (error) {
    console.error(error instanceof Error ? error.message : error);
    process.exitCode = 1;
  }
}
