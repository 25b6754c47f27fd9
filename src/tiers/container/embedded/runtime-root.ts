/** RuntimeRoot: how the agent of a runtime is started in a container, and the files that it needs there. */

import type { WalledCommand } from '../../../walls/wall.ts';

export interface RuntimeRoot {
  /** What it is, in a few words: `CPython 3.11.2 of /usr/bin/python3`. */
  readonly detail: string;
  readonly command: Pick<WalledCommand, 'script' | 'nodeFlags' | 'program' | 'args' | 'files' | 'env'>;
}

/** What agents are told: their channel is descriptor 3, and this is the folder that they may write to. */
export const CHANNEL = 'fd:3';
export const SCRATCH = '/tmp';

/** For what the function starts: an agent keeps none of it from its function. */
export const COMMON_ENV: Readonly<Record<string, string>> = {
  PATH: '/bin:/usr/bin',
  HOME: SCRATCH,
  TMPDIR: SCRATCH,
  USER: 'nobody',
  LOGNAME: 'nobody',
  LANG: 'C.UTF-8',
  TZ: 'UTC',
};
