/** Execution on other hosts: where they are, the key that both share, and which wall functions get that ask for none. */

import { StartError } from '../core/start-error.ts';
import { TIER_NAMES, TIER_WORDS, type TierName, type TierWord } from '../core/tier.ts';
import { each } from './parsers.ts';
import { isLoopback } from './server.ts';
import { oneOf, read } from './setting.ts';
import type { Environment, Setting, SettingTable } from './setting.ts';

export interface RemoteConfig {
  /** Base URLs of executors, without a `/` at the end; none: nothing runs on another host. */
  readonly urls: readonly string[];
  /** What both hosts sign with; never sent. */
  readonly sharedKey: string | null;
  /** The origin at which executors reach the host that sends them functions. */
  readonly selfUrl: string | null;
  /** The wall that an executor must have; null: the one that it is for. */
  readonly requiredTier: TierName | null;
  /** The wall of functions that name none. */
  readonly defaultTier: TierWord;
  /** `cordon executor`: the wall that it is for; null: the best that works there. */
  readonly executorTier: TierName | null;
  /** `cordon executor`: whether functions ask their host on the stream that they came by, or by calling it back. */
  readonly executorAsks: 'stream' | 'callback';
}

export interface RemoteOptions {
  readonly urls?: readonly string[];
  readonly selfUrl?: string;
  readonly requiredTier?: TierName;
  readonly defaultTier?: TierWord;
  readonly executorTier?: TierName;
  readonly executorAsks?: 'stream' | 'callback';
}

/** Throws a {@link StartError}. */
export function readRemote(options: RemoteOptions, env: Environment): RemoteConfig {
  const urls = read(TABLE.urls, options.urls?.join(','), env);
  const sharedKey = read(TABLE.sharedKey, undefined, env);
  if (urls.length > 0 && sharedKey === null)
    throw new StartError(
      'FUNCTIONS_EXEC_URL is set, but SANDBOX_RPC_TOKEN is not: both hosts need the same, from `openssl rand -hex 32`',
    );
  return Object.freeze({
    urls: Object.freeze(urls),
    sharedKey,
    selfUrl: read(TABLE.selfUrl, options.selfUrl, env),
    requiredTier: read(TABLE.requiredTier, options.requiredTier, env),
    // Who sets up an executor wants functions to run there.
    defaultTier: read(TABLE.defaultTier, options.defaultTier, env) ?? (urls.length > 0 ? 'auto' : 'isolate'),
    executorTier: read(TABLE.executorTier, options.executorTier, env),
    executorAsks: read(TABLE.executorAsks, options.executorAsks, env),
  });
}

const MIN_KEY_CHARS = 32;

const TABLE = {
  urls: {
    name: 'FUNCTIONS_EXEC_URL',
    fallback: '',
    fallbackMeaning: 'none',
    meaning: 'Base URLs of `cordon executor` on other hosts, separated by commas: functions run there',
    expected:
      'base URLs separated by commas, without /run at the end (it is appended), and https (http on a loopback address only)',
    parse: (text) => each(text, executorUrl),
  },
  sharedKey: {
    name: 'SANDBOX_RPC_TOKEN',
    fallback: null,
    fallbackMeaning: 'none',
    meaning: 'The key that this host and its executors sign with, the same on both; it is never sent',
    expected: `at least ${MIN_KEY_CHARS} printable characters without blanks, as from \`openssl rand -hex 32\``,
    secret: true,
    parse: (text) => (/^[\x21-\x7e]{32,512}$/.test(text) ? text : undefined),
  },
  selfUrl: {
    name: 'SELF_URL',
    fallback: null,
    fallbackMeaning: 'none',
    meaning: 'Where executors call this host back; on an executor, the host that it calls back',
    expected: 'an https URL without a path (http on a loopback address only)',
    parse: safeOrigin,
  },
  requiredTier: oneOf(
    'CORDON_REMOTE_TIER',
    null,
    TIER_NAMES,
    'The wall that an executor must have; one that lacks it is refused',
    'whatever the executor is for',
  ),
  defaultTier: oneOf(
    'CORDON_TIER',
    null,
    TIER_WORDS,
    'The wall of functions that name none',
    '`isolate`, or `auto` with FUNCTIONS_EXEC_URL',
  ),
  executorTier: oneOf(
    'CORDON_EXECUTOR_TIER',
    null,
    TIER_NAMES,
    '`cordon executor`: the wall for functions that say `remote`',
    'the best that works there',
  ),
  executorAsks: oneOf(
    'CORDON_EXECUTOR_ASKS',
    'stream',
    ['stream', 'callback'],
    '`cordon executor`: how `ctx.*` reaches its host, on the stream that the function came by or by calls to SELF_URL',
  ),
} as const satisfies SettingTable;

export const REMOTE_SETTINGS: readonly Setting<unknown>[] = Object.values(TABLE);

/** What functions are given travels there: in the clear on this machine only. */
function safeUrl(text: string): string | undefined {
  const url = URL.parse(text);
  if (url === null || url.username !== '' || url.password !== '' || url.search !== '' || url.hash !== '')
    return undefined;
  const host = url.hostname.replace(/^\[|\]$/g, '');
  const isSafe = url.protocol === 'https:' || (url.protocol === 'http:' && isLoopback(host));
  return isSafe ? url.href : undefined;
}

function safeOrigin(text: string): string | undefined {
  const href = safeUrl(text);
  const origin = href === undefined ? undefined : new URL(href).origin;
  return href === `${origin}/` ? origin : undefined;
}

function executorUrl(text: string): string | undefined {
  const base = safeUrl(text)?.replace(/\/+$/, '');
  return base === undefined || /\/run$/i.test(base) ? undefined : base;
}
