/** Terminal: writing what a function said, which may try to drive the terminal that shows it. */

import { once } from 'node:events';
import { TextDecoderStream } from 'node:stream/web';
import { styleText } from 'node:util';
import { printable } from '../lib/printable.ts';

/** Byte by byte into a file or a pipe; to a terminal only what it shows. */
export async function writeBody(response: Response): Promise<void> {
  if (response.body === null) return;
  if (!process.stdout.isTTY) {
    for await (const chunk of response.body) await write(chunk);
    return;
  }
  let ending = '\n';
  for await (const text of response.body.pipeThrough(new TextDecoderStream())) {
    ending = text.endsWith('\n') ? '' : '\n';
    await write(printable(text));
  }
  await write(ending);
}

/** Waits for a slow reader; one that has gone (`cordon logs hello | head`) ends the command. */
export async function write(chunk: string | Uint8Array): Promise<void> {
  if (process.stdout.listenerCount('error') === 0) process.stdout.on('error', () => process.exit(0));
  if (!process.stdout.write(chunk)) await once(process.stdout, 'drain');
}

/** Each line as it is: the caller has made what came from elsewhere printable. */
export const writeLine = (text: string): Promise<void> => write(`${text}\n`);

/** For programs; what could drive a terminal is escaped, which JSON reads back as it was. */
export const writeJson = (value: unknown): Promise<void> => writeLine(printable(JSON.stringify(value, null, 2)));

/** To the person, while standard output may be read by a program. */
export function note(text: string): void {
  process.stderr.write(`${printable(text)}\n`);
}

export type Style = 'bold' | 'dim' | 'red' | 'green' | 'yellow' | 'cyan';

/** Coloured on a terminal only, and not where NO_COLOR asks for none. */
export function styled(style: Style, text: string, stream: NodeJS.WriteStream = process.stdout): string {
  return stream.isTTY ? styleText(style, text, { stream }) : text;
}
