/** What a command that runs in the test's own process prints. */

import type { TestContext } from 'node:test';

type Chunk = string | Uint8Array;

/** Text does not reach the real streams; the test runner's own reports are bytes, and do. */
export async function printedBy(t: TestContext, run: () => Promise<unknown>): Promise<{ out: string; err: string }> {
  const printed = { out: '', err: '' };
  const capture = (stream: NodeJS.WriteStream, name: 'out' | 'err'): { restore(): void } => {
    const write = stream.write.bind(stream);
    const { mock } = t.mock.method(stream, 'write', (chunk: Chunk) => {
      if (typeof chunk !== 'string') return write(chunk);
      printed[name] += chunk;
      return true;
    });
    return mock;
  };
  const captured = [capture(process.stdout, 'out'), capture(process.stderr, 'err')];
  try {
    await run();
  } finally {
    for (const mock of captured) mock.restore();
  }
  return printed;
}
