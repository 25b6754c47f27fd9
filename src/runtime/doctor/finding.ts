/** Finding: one thing that the doctor has looked at. */

/** `gap`: it works without, but not as well. `fatal`: functions don't run, or what runs is not safe. */
export type Health = 'ok' | 'gap' | 'fatal';

export interface Finding {
  readonly group: 'functions' | 'walls' | 'tiers' | 'machine' | 'storage' | 'settings';
  readonly name: string;
  readonly health: Health;
  /** What there is, one line. */
  readonly found: string;
  /** The one thing to do about it. */
  readonly cure?: string;
}
