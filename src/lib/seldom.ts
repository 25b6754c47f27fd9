/** Seldom: a listener of errors that hears each message once in a while, however often it comes: a log is not to be flooded. */

const EVERY_MS = 10_000;
/** Messages that are told apart. */
const MAX_MESSAGES = 100;

interface Heard {
  untilMs: number;
  missed: number;
}

export function seldom(listener: (error: unknown) => void, everyMs: number = EVERY_MS): (error: unknown) => void {
  const heard = new Map<string, Heard>();
  return (error) => {
    const message = (error instanceof Error ? error.message : String(error)).slice(0, 200);
    const nowMs = performance.now();
    const before = heard.get(message);
    if (before !== undefined && nowMs < before.untilMs) return void before.missed++;
    heard.delete(message);
    heard.set(message, { untilMs: nowMs + everyMs, missed: 0 });
    if (heard.size > MAX_MESSAGES) heard.delete(heard.keys().next().value!);
    const missed = before?.missed ?? 0;
    listener(missed === 0 ? error : new Error(`${message} (${missed} more times meanwhile)`, { cause: error }));
  };
}
