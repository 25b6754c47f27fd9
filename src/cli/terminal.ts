/** Terminal: writing what a function said, which may try to drive the terminal that shows it. */

import { once } from 'node:events';
import { TextDecoderStream } from 'node:stream/web';
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
