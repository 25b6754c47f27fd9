/**
 * Output: the server's lines on stdout.
 *
 * A write for each line would cost more than the request it tells of, so lines are gathered and written together. Much
 * of their text comes from functions and their callers: no line may pretend to be two, or talk to the terminal that
 * shows it.
 */

import type { Writable } from 'node:stream';

export interface Output {
  /** Writes one line, soon. Control characters are escaped; never throws. */
  line(text: string): void;
  /** Writes what is waiting, now. */
  flush(): void;
}

const GATHER_MS = 10;

/** A reader that is further behind loses lines: memory is worth more. */
const MAX_WAITING_CHARS = 1024 * 1024;

/** Longer lines are cut. */
const MAX_LINE_CHARS = 16 * 1024;

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

// C0 but tab, DEL and C1 drive terminals or end lines; U+2028 and U+2029 end lines; the rest reorder what is seen.
const UNSAFE = /[\0-\x08\n-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]/g; // oxlint-disable-line no-control-regex

/** The text on one line, in the characters that a terminal only shows. */
export function oneLine(text: string): string {
  const cut = text.length > MAX_LINE_CHARS ? `${text.slice(0, MAX_LINE_CHARS)}… (${text.length} characters)` : text;
  return cut.replace(UNSAFE, escape);
}

function escape(character: string): string {
  if (character === '\n') return '\\n';
  if (character === '\r') return '\\r';
  return `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`;
}
