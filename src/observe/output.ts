/**
 * Output: the server's lines on stdout.
 *
 * A write for each line would cost more than the request it tells of, so lines are gathered and written together. Much
 * of their text comes from functions and their callers: no line may pretend to be two, or talk to the terminal that
 * shows it.
 */

import type { Writable } from 'node:stream';
import { oneLine } from '../lib/printable.ts';

export interface Output {
  /** Writes one line, soon. Control characters are escaped; never throws. */
  line(text: string): void;
  /** Writes what is waiting, now. */
  flush(): void;
}

const GATHER_MS = 10;

/** A reader that is further behind loses lines: memory is worth more. */
const MAX_WAITING_CHARS = 1024 * 1024;

export function createOutput(stream: Writable): Output {
  let waiting = '';
  let dropped = 0;
  let broken = false;
  let timer: NodeJS.Timeout | undefined;

  // A reader that has gone (EPIPE) is no reason to stop serving.
  stream.on('error', () => {
    broken = true;
  });

  function flush(): void {
    clearTimeout(timer);
    timer = undefined;
    if (dropped > 0) waiting += `[cordon] ${dropped} lines were dropped: the reader of this output is behind\n`;
    dropped = 0;
    const text = waiting;
    waiting = '';
    if (text !== '' && !broken && stream.writable) stream.write(text);
  }

  return {
    flush,
    line(text) {
      if (broken) return;
      if (waiting.length + stream.writableLength > MAX_WAITING_CHARS) {
        dropped += 1;
        return;
      }
      waiting += `${oneLine(text)}\n`;
      timer ??= setTimeout(flush, GATHER_MS).unref();
    },
  };
}
