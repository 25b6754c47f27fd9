/** Follow: a function's lines as they are written, one JSON object a line, until the client goes. */

import type { LogLine } from '../core/log-line.ts';

/** An empty line now and then, so that a client that vanished is found out about. */
const HEARTBEAT_MS = 15_000;

export function followResponse(follow: (signal: AbortSignal) => AsyncIterableIterator<LogLine>): Response {
  const gone = new AbortController();
  const lines = follow(gone.signal);
  const encoder = new TextEncoder();
  let heartbeat: NodeJS.Timeout;
  const stop = (): void => {
    clearInterval(heartbeat);
    gone.abort();
  };
  const body = new ReadableStream<Uint8Array>({
    start(controller) {
      // Sends the head at once: the first line may be hours away.
      controller.enqueue(encoder.encode('\n'));
      heartbeat = setInterval(() => {
        if ((controller.desiredSize ?? 0) > 0) controller.enqueue(encoder.encode('\n'));
      }, HEARTBEAT_MS).unref();
    },
    async pull(controller) {
      const { done, value } = await lines.next().catch((error: unknown) => {
        stop();
        throw error;
      });
      if (gone.signal.aborted) return;
      if (done !== true) return controller.enqueue(encoder.encode(`${JSON.stringify(value)}\n`));
      stop();
      controller.close();
    },
    cancel: stop,
  });
  return new Response(body, { headers: { 'content-type': 'application/x-ndjson', 'cache-control': 'no-store' } });
}
