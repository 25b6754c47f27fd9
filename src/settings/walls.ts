/** The OS wall, and who is behind one together. */

import type { CordonKind } from '../core/function.ts';
import { StartError } from '../core/start-error.ts';
import { WALL_LEVELS, type WallLevel } from '../core/wall-level.ts';
import { WALL_NAMES } from '../walls/wall.ts';
import type { WallName } from '../walls/wall.ts';
import { flag, oneOf, read } from './setting.ts';
import type { Environment, Setting, SettingTable } from './setting.ts';

export interface WallsConfig {
  readonly uidRange: UidRange;
  readonly cordon: CordonKind;
  /** Null: the best that works. */
  readonly wall: WallName | null;
  /** What the wall has to guarantee at least. */
  readonly minimumWall: WallLevel;
  readonly unsafeNoOsSandbox: boolean;
  /** Where no OS wall stands, WebAssembly alone may keep functions of the tier `wasm` from the host. */
  readonly allowWasmWithoutOsWall: boolean;
}

export interface UidRange {
  readonly first: number;
  readonly last: number;
}

export interface WallsOptions {
  /** `first-last`. */
  readonly uidRange?: string;
  readonly cordon?: CordonKind;
  readonly wall?: WallName;
  readonly minimumWall?: WallLevel;
  readonly unsafeNoOsSandbox?: boolean;
  readonly allowWasmWithoutOsWall?: boolean;
}

/** Throws a {@link StartError}. */
export function readWalls(options: WallsOptions, env: Environment): WallsConfig {
  const wall = read(TABLE.wall, options.wall, env);
  const unsafeNoOsSandbox = read(TABLE.unsafeNoOsSandbox, options.unsafeNoOsSandbox, env);
  if (wall === 'none' && !unsafeNoOsSandbox) {
    throw new StartError(
      'CORDON_WALL is "none", but it must be bwrap, unshare or landlock, unless --unsafe-no-os-sandbox says that no OS wall is wanted',
    );
  }
  return {
    uidRange: read(TABLE.uidRange, options.uidRange, env),
    cordon: read(TABLE.cordon, options.cordon, env),
    wall,
    minimumWall: read(TABLE.minimumWall, options.minimumWall, env),
    unsafeNoOsSandbox,
    allowWasmWithoutOsWall: read(TABLE.allowWasmWithoutOsWall, options.allowWasmWithoutOsWall, env),
  };
}

const TABLE = {
  uidRange: {
    name: 'CORDON_UID_RANGE',
    fallback: '961000-961999',
    meaning: 'Unused user ids for executors, where Cordon is started as root',
    expected: 'first-last, from 1000 to 4294967293',
    parse: uidRange,
  },
  cordon: oneOf('CORDON_CORDON', 'tenant', ['function', 'tenant', 'shared'], 'Which functions may share an executor'),
  wall: oneOf('CORDON_WALL', null, WALL_NAMES, 'The OS wall', 'the best that works'),
  minimumWall: oneOf('CORDON_MINIMUM_WALL', 'landlock', WALL_LEVELS, 'What the OS wall has to guarantee at least'),
  unsafeNoOsSandbox: flag('CORDON_UNSAFE_NO_OS_SANDBOX', '0', 'Runs functions even where no OS wall works'),
  allowWasmWithoutOsWall: flag(
    'CORDON_ALLOW_WASM_WITHOUT_OS_WALL',
    '0',
    'Where no OS wall works, runs functions of the tier `wasm` behind WebAssembly alone',
  ),
} as const satisfies SettingTable;

export const WALLS_SETTINGS: readonly Setting<unknown>[] = Object.values(TABLE);

/** Below 1000 are the system's own users, and 0 is root: no executor may ever be one of them. */
function uidRange(text: string): UidRange | undefined {
  const match = /^(\d{1,10})-(\d{1,10})$/.exec(text);
  if (match === null) return undefined;
  const [first, last] = [Number(match[1]), Number(match[2])];
  return first >= 1000 && first <= last && last <= 4_294_967_293 ? Object.freeze({ first, last }) : undefined;
}
