/** Input: the words that follow a command, read by the command's own table of options. */

import { parseArgs } from 'node:util';
import { COMMON_OPTIONS, UsageError } from './command.ts';
import type { Command, Option } from './command.ts';
import { didYouMean } from './suggest.ts';

type Value = string | boolean | (string | boolean)[] | undefined;

export class Input {
  readonly positionals: readonly string[];
  readonly #values: Readonly<Record<string, Value>>;
  readonly #options: readonly Option[];

  constructor(values: Readonly<Record<string, Value>>, positionals: readonly string[], options: readonly Option[]) {
    this.#values = values;
    this.positionals = positionals;
    this.#options = options;
  }

  get json(): boolean {
    return this.flag('json');
  }

  get tenant(): string | undefined {
    return this.text('tenant');
  }

  flag(name: string): boolean {
    return this.#read(name) === true;
  }

  text(name: string): string | undefined {
    const value = this.#read(name);
    return typeof value === 'string' ? value : undefined;
  }

  list(name: string): readonly string[] {
    const value = this.#read(name);
    return Array.isArray(value) ? value.filter((item) => typeof item === 'string') : [];
  }

  /** A whole number that is not negative. Throws a {@link UsageError}. */
  number(name: string): number | undefined {
    const text = this.text(name);
    if (text === undefined) return undefined;
    if (/^\d{1,15}$/.test(text)) return Number(text);
    throw new UsageError(`--${name} is ${JSON.stringify(text)}, but it must be a whole number`);
  }

  /** `KEY=VALUE` pairs; a value may hold further separators. Throws a {@link UsageError}. */
  pairs(name: string, separator: '=' | ':'): [name: string, value: string][] {
    return this.list(name).map((text) => {
      const at = text.indexOf(separator);
      if (at > 0) return [text.slice(0, at), text.slice(at + 1)];
      throw new UsageError(`--${name} is ${JSON.stringify(text)}, but it must be NAME${separator}VALUE`);
    });
  }

  /** The one word that a command takes. Throws a {@link UsageError}. */
  one(what: string): string {
    if (this.positionals.length === 1) return this.positionals[0]!;
    throw new UsageError(
      this.positionals.length === 0
        ? `${what} is missing`
        : `${what} is one, but there are ${this.positionals.length}: ${this.positionals.join(' ')}`,
    );
  }

  /** As many words as there are names for them. Throws a {@link UsageError}. */
  words<const Names extends readonly string[]>(...names: Names): { readonly [K in keyof Names]: string } {
    const missing = names[this.positionals.length];
    if (missing !== undefined) throw new UsageError(`${missing} is missing`);
    const tooMuch = this.positionals[names.length];
    if (tooMuch !== undefined) throw new UsageError(`there is no use for ${JSON.stringify(tooMuch)}`);
    return this.positionals as unknown as { readonly [K in keyof Names]: string };
  }

  #read(name: string): Value {
    if (this.#options.some((option) => option.name === name)) return this.#values[name];
    throw new TypeError(`The command has no option --${name}`);
  }
}

/** Throws a {@link UsageError} for an option that the command has not, or that is used in another way. */
export function readInput(command: Command, args: readonly string[]): Input {
  const options = optionsOf(command);
  const { values, positionals, tokens } = parseArgs({
    args: [...args],
    allowPositionals: true,
    strict: false,
    tokens: true,
    options: Object.fromEntries(options.map((option) => [option.name, specOf(option)])),
  });
  for (const token of tokens) {
    if (token.kind !== 'option') continue;
    const option = options.find(({ name }) => name === token.name);
    if (option === undefined) throw unknown(token.rawName, options);
    requireFitting(option, token.rawName, token.value, token.inlineValue === true);
  }
  return new Input(values, positionals, options);
}

export function optionsOf(command: Command): readonly Option[] {
  return [...command.options, ...COMMON_OPTIONS];
}

interface OptionSpec {
  readonly type: 'string' | 'boolean';
  readonly multiple: boolean;
  readonly short?: string;
}

const specOf = ({ short, value, repeats }: Option): OptionSpec => ({
  type: value === undefined ? 'boolean' : 'string',
  multiple: repeats === true,
  ...(short === undefined ? {} : { short }),
});

function requireFitting(option: Option, rawName: string, value: string | undefined, isInline: boolean): void {
  if (option.value === undefined) {
    if (value !== undefined) throw new UsageError(`${rawName} is a switch and takes no value`);
    return;
  }
  if (value === undefined) throw new UsageError(`${rawName} needs a value: ${option.value}`);
  // `--name --tenant x` is a forgotten value more often than a value that begins with a dash.
  if (!isInline && value.startsWith('-') && value !== '-')
    throw new UsageError(`${rawName} needs a value: write ${rawName}=${value} if that is it`);
  if (option.choices !== undefined && !option.choices.includes(value))
    throw new UsageError(`${rawName} is ${JSON.stringify(value)}, but it must be one of ${option.choices.join(', ')}`);
}

function unknown(rawName: string, options: readonly Option[]): UsageError {
  const hint = didYouMean(
    rawName.replace(/^-+/, ''),
    options.map(({ name }) => name),
    '--',
  );
  return new UsageError(`there is no option ${rawName}${hint}`);
}
