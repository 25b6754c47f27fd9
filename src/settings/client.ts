/** What a command of the CLI needs to reach a running server. */

import { readAdminTokenSetting } from './identity.ts';
import { serverUrl } from './parsers.ts';
import { readPort } from './server.ts';
import { read } from './setting.ts';
import type { Environment, Setting, SettingTable } from './setting.ts';
import { readDataDir } from './storage.ts';

export interface ClientConfig {
  readonly url: string;
  /** Null: look in the data directory. */
  readonly adminToken: string | null;
  readonly dataDir: string;
}

/**
 * CORDON_URL counts in the real environment only: a `.env` that came with somebody's repository must not be able to send
 * the token elsewhere. Throws a {@link StartError}.
 */
export function readClient(env: Environment, envWithDotenv: Environment): ClientConfig {
  const url = read(TABLE.url, undefined, env);
  const port = readPort(undefined, envWithDotenv);
  return {
    url: url ?? `http://127.0.0.1:${port}`,
    adminToken: readAdminTokenSetting(undefined, envWithDotenv),
    dataDir: readDataDir(undefined, envWithDotenv),
  };
}

const TABLE = {
  url: {
    name: 'CORDON_URL',
    fallback: null,
    fallbackMeaning: '`http://127.0.0.1:$PORT`',
    meaning: 'Where the commands of the CLI find the server',
    expected: 'an http or https URL without a path',
    parse: serverUrl,
  },
} as const satisfies SettingTable;

export const CLIENT_SETTINGS: readonly Setting<unknown>[] = Object.values(TABLE);
