/**
 * Setting: one variable of the environment: its name, its default, what it must be, and how its text becomes a value.
 */

import { StartError } from '../core/start-error.ts';

export type Environment = Readonly<Record<string, string | undefined>>;

export interface Setting<T> {
  readonly name: string;
  readonly meaning: string;
  /** The text that is parsed when nothing is set; null where there is no such text. */
  readonly fallback: string | null;
  /** What the documentation says of the default, where `fallback` does not say it. */
  readonly fallbackMeaning?: string;
  /** Completes "but it must be …". */
  readonly expected: string;
  /** A secret: a message shows its length only. */
  readonly secret?: true;
  /** A blank variable is a value, not the absence of one. */
  readonly blankCounts?: true;
  /** Undefined: the text is not valid. */
  readonly parse: (text: string) => T | undefined;
}

/** The settings of one subject, by the field that they become. */
export type SettingTable = Readonly<Record<string, Setting<unknown>>>;

/**
 * Options pass through the text of their variable, so that both obey one rule. A blank variable counts as unset. Throws a
 * {@link StartError}.
 */
export function read<T, F extends string | null>(
  setting: Setting<T> & { readonly fallback: F },
  option: string | number | boolean | undefined,
  env: Environment,
): F extends string ? T : T | null {
  const given = option === undefined ? env[setting.name]?.trim() : String(option);
  const text =
    given === '' && option === undefined && setting.blankCounts !== true
      ? setting.fallback
      : (given ?? setting.fallback);
  const value = text === null ? null : setting.parse(text);
  if (value === undefined) throw new StartError(sentence(setting, String(text), option !== undefined));
  return value as F extends string ? T : T | null;
}

function sentence(setting: Setting<unknown>, found: string, isOption: boolean): string {
  // A secret that was refused is still one.
  const shown = setting.secret === true ? `${found.length} characters long` : JSON.stringify(found.slice(0, 200));
  return `${setting.name}${isOption ? ' (as an option)' : ''} is ${shown}, but it must be ${setting.expected}`;
}

export function whole<F extends string | null>(
  name: string,
  fallback: F,
  min: number,
  max: number,
  meaning: string,
  fallbackMeaning?: string,
): Setting<number> & { readonly fallback: F } {
  return {
    name,
    fallback,
    meaning,
    ...(fallbackMeaning === undefined ? {} : { fallbackMeaning }),
    expected: `a whole number from ${min} to ${max}`,
    parse: (text) => (/^\d{1,15}$/.test(text) && Number(text) >= min && Number(text) <= max ? Number(text) : undefined),
  };
}

export function flag(
  name: string,
  fallback: '0' | '1',
  meaning: string,
): Setting<boolean> & { readonly fallback: string } {
  const words: Readonly<Record<string, boolean>> = { 1: true, true: true, 0: false, false: false };
  return {
    name,
    fallback,
    meaning,
    expected: '1 or 0',
    parse: (text) => (Object.hasOwn(words, text) ? words[text] : undefined),
  };
}

export function oneOf<const T extends string, F extends string | null>(
  name: string,
  fallback: F,
  choices: readonly T[],
  meaning: string,
  fallbackMeaning?: string,
): Setting<T> & { readonly fallback: F } {
  return {
    name,
    fallback,
    meaning: `${meaning}: ${choices.map((choice) => `\`${choice}\``).join(', ')}`,
    ...(fallbackMeaning === undefined ? {} : { fallbackMeaning }),
    expected: `one of ${choices.join(', ')}`,
    parse: (text) => choices.find((choice) => choice === text),
  };
}
