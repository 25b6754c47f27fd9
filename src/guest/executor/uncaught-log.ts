/**
 * UncaughtLog: the rejections that nobody handled in code that was not lowered. Its isolate knows nothing of them; the
 * engine fails the turn with a copy of the first one's reason.
 */

import type { FrameSender } from '../../wire/connection.ts';
import { FrameType } from '../../wire/frames.ts';
import { describeError } from '../isolate/describe-error.ts';

/** These lines count for no limit of the isolate's. */
const MAX_LINES = 20;
/** From here on a stack is the executor's own. */
const BOUNDARY = '\n    at (<isolated-vm boundary>)';

export class UncaughtLog {
  #lastCall = 0;
  #lines = 0;

  /** `call` is the one that the sandbox serves; 0 where there is none. */
  write(sender: FrameSender, sandbox: number, call: number, error: unknown): void {
    if (call !== this.#lastCall) this.#lines = 0;
    this.#lastCall = call;
    if (this.#lines++ >= MAX_LINES) return;
    const { message, stack } = describeError(error);
    const text = (stack ?? message).split(BOUNDARY, 1)[0];
    const line = JSON.stringify(['error', `Uncaught (in promise) ${text}`]);
    if (call === 0) sender.sendMeta(FrameType.SANDBOX_LOG, sandbox, line, null);
    else sender.sendMeta(FrameType.LOG, call, line, null);
  }
}
