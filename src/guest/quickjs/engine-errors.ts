/** How a call into the engine ends, other than with a value. */

/** Why an instance can't go on. */
export type StopCause = 'time' | 'memory' | 'trap';

export class EngineStopped extends Error {
  override readonly name = 'EngineStopped';
  readonly reason: StopCause;

  constructor(reason: StopCause, message: string) {
    super(message);
    this.reason = reason;
  }
}

/** What code in the instance threw. */
export class GuestError extends Error {
  override readonly name = 'GuestError';
  /** `SyntaxError` …, as the code says it. */
  readonly kind: string;

  constructor(kind: string, message: string) {
    super(message);
    this.kind = kind;
  }
}

export const stoppedInTime = (): EngineStopped => new EngineStopped('time', 'The engine was stopped');
