/** Console: what a function prints, by whatever way, as lines of its log. */

import { Console } from 'node:console';
import { Writable } from 'node:stream';
import { StringDecoder } from 'node:string_decoder';

type Level = 'debug' | 'info' | 'warn' | 'error';
export type Log = (level: Level, message: string) => void;

const LEVELS: Readonly<Record<string, Level>> = {
  debug: 'debug',
  warn: 'warn',
  error: 'error',
  assert: 'error',
  trace: 'error',
};
/** A line that does not end is cut here. */
const MAX_LINE = 16 * 1024;

/** Puts methods that log in the place of Node's, which would print. */
export function installConsole(log: Log): void {
  let level: Level = 'info';
  const paper = {
    write: (text: string): boolean => (log(level, text.endsWith('\n') ? text.slice(0, -1) : text), true),
  };
  const writer = new Console({
    stdout: paper as unknown as NodeJS.WritableStream,
    stderr: paper as unknown as NodeJS.WritableStream,
    ignoreErrors: false,
  }) as unknown as Record<string, unknown>;
  const target = console as unknown as Record<string, unknown>;
  for (const name of Object.keys(writer)) {
    const method = writer[name];
    if (typeof method !== 'function' || !(name in target)) continue;
    target[name] = (...args: unknown[]): unknown => {
      const before = level;
      level = LEVELS[name] ?? 'info';
      try {
        return Reflect.apply(method, writer, args);
      } finally {
        level = before;
      }
    };
  }
}

/** A stream like `process.stdout`: each line that is written to it is logged. */
export function lineStream(level: Level, log: Log): Writable {
  const decoder = new StringDecoder('utf8');
  let rest = '';
  return new Writable({
    decodeStrings: true,
    write(chunk: Buffer, _encoding, done) {
      const lines = (rest + decoder.write(chunk)).split('\n');
      rest = lines.pop() ?? '';
      for (const line of lines) log(level, line);
      if (rest.length > MAX_LINE) {
        log(level, rest);
        rest = '';
      }
      done();
    },
  });
}
