/** Command: one word of the command line. */

export interface Command {
  readonly name: string;
  /** What follows `cordon`. */
  readonly usage: string;
  /** One line, for the table of commands. */
  readonly summary: string;
  /** Option and meaning, for the command's own help. */
  readonly options: readonly (readonly [option: string, meaning: string])[];
  /** The exit code. Throws a {@link CliError}, or what `parseArgs` throws. */
  run(args: readonly string[]): Promise<number>;
}

/** Something that the person at the terminal can put right; the message is all that they see. */
export class CliError extends Error {
  override readonly name = 'CliError';
}

/** A command line that says too little or too much; the message is shown with the command's usage. */
export class UsageError extends Error {
  override readonly name = 'UsageError';
}

/** The one positional that a command takes. */
export function onePositional(positionals: readonly string[], what: string): string {
  if (positionals.length === 1) return positionals[0]!;
  throw new UsageError(
    positionals.length === 0
      ? `${what} is missing`
      : `${what} is one, but there are ${positionals.length}: ${positionals.join(' ')}`,
  );
}

/** Throws a {@link UsageError}. */
export function numberOption(option: string, text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  if (/^\d{1,15}$/.test(text)) return Number(text);
  throw new UsageError(`--${option} is ${JSON.stringify(text)}, but it must be a whole number`);
}

/** `KEY=VALUE` pairs; a value may hold further equals signs. Throws a {@link UsageError}. */
export function pairs(option: string, texts: readonly string[], separator: '=' | ':'): [name: string, value: string][] {
  return texts.map((text) => {
    const at = text.indexOf(separator);
    if (at > 0) return [text.slice(0, at), text.slice(at + 1)];
    throw new UsageError(`--${option} is ${JSON.stringify(text)}, but it must be NAME${separator}VALUE`);
  });
}
