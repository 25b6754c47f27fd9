/**
 * Config: options and environment become one frozen, validated object.
 *
 * This file is the only reader of the process environment, so that everything an operator can set is in the tables of
 * settings/, a file a subject; the README prints the same tables. A bad value stops start-up with a sentence, because a
 * setting that is silently ignored is found out about in production.
 */

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseEnv } from 'node:util';
import { StartError } from './core/start-error.ts';
import { CAPABILITIES_SETTINGS, readCapabilities } from './settings/capabilities.ts';
import type { CapabilitiesConfig, CapabilitiesOptions } from './settings/capabilities.ts';
import { CLIENT_SETTINGS, readClient } from './settings/client.ts';
import type { ClientConfig } from './settings/client.ts';
import { CONTAINERS_SETTINGS, readContainers } from './settings/containers.ts';
import type { ContainersConfig, ContainersOptions } from './settings/containers.ts';
import { EGRESS_SETTINGS, readEgress } from './settings/egress.ts';
import type { EgressConfig, EgressOptions } from './settings/egress.ts';
import { IDENTITY_SETTINGS, readIdentity } from './settings/identity.ts';
import type { IdentityConfig, IdentityOptions } from './settings/identity.ts';
import { LIMITS_SETTINGS, readLimits } from './settings/limits.ts';
import type { LimitsConfig, LimitsOptions } from './settings/limits.ts';
import { SECRETS_SETTINGS, readSecrets } from './settings/secrets.ts';
import type { SecretsConfig, SecretsOptions } from './settings/secrets.ts';
import { SERVER_SETTINGS, readServer } from './settings/server.ts';
import type { ServerConfig, ServerOptions } from './settings/server.ts';
import { REMOTE_SETTINGS, readRemote } from './settings/remote.ts';
import type { RemoteConfig, RemoteOptions } from './settings/remote.ts';
import type { Environment, Setting } from './settings/setting.ts';
import { STORAGE_SETTINGS, readStorage } from './settings/storage.ts';
import type { StorageConfig, StorageOptions } from './settings/storage.ts';
import { TRIGGERS_SETTINGS, readTriggers } from './settings/triggers.ts';
import type { TriggersConfig, TriggersOptions } from './settings/triggers.ts';
import { WALLS_SETTINGS, readWalls } from './settings/walls.ts';
import type { WallsConfig, WallsOptions } from './settings/walls.ts';

export type { CapabilitiesConfig };

export interface Config extends ServerConfig, LimitsConfig, WallsConfig, StorageConfig, SecretsConfig, IdentityConfig {
  readonly egress: EgressConfig;
  readonly capabilities: CapabilitiesConfig;
  readonly triggers: TriggersConfig;
  readonly remote: RemoteConfig;
  readonly containers: ContainersConfig;
}

/** What the library and the command line may set; each wins over its variable of the environment. */
export interface CordonOptions
  extends ServerOptions, LimitsOptions, WallsOptions, StorageOptions, SecretsOptions, IdentityOptions {
  readonly egress?: EgressOptions;
  readonly capabilities?: CapabilitiesOptions;
  readonly triggers?: TriggersOptions;
  readonly remote?: RemoteOptions;
  readonly containers?: ContainersOptions;
}

const TABLE: readonly Setting<unknown>[] = [
  ...SERVER_SETTINGS,
  ...IDENTITY_SETTINGS,
  ...LIMITS_SETTINGS,
  ...WALLS_SETTINGS,
  ...CONTAINERS_SETTINGS,
  ...STORAGE_SETTINGS,
  ...SECRETS_SETTINGS,
  ...EGRESS_SETTINGS,
  ...CAPABILITIES_SETTINGS,
  ...TRIGGERS_SETTINGS,
  ...REMOTE_SETTINGS,
  ...CLIENT_SETTINGS,
];

/** Every variable of the environment that Cordon reads, for the README. */
export const SETTINGS: readonly { readonly name: string; readonly default: string; readonly meaning: string }[] =
  Object.freeze(
    TABLE.map(({ name, fallback, fallbackMeaning, meaning }) =>
      Object.freeze({ name, default: fallbackMeaning ?? `\`${fallback}\``, meaning }),
    ),
  );

/** Options win over the environment. Throws a {@link StartError}. */
export function loadConfig(options: CordonOptions, env: NodeJS.ProcessEnv = process.env): Config {
  return Object.freeze({
    ...readServer(options, env),
    ...readIdentity(options, env),
    ...readLimits(options, env),
    ...readWalls(options, env),
    ...readStorage(options, env),
    ...readSecrets(options, env),
    egress: readEgress(options.egress ?? {}, env),
    capabilities: readCapabilities(options.capabilities ?? {}, env),
    triggers: Object.freeze(readTriggers(options.triggers ?? {}, env)),
    remote: readRemote(options.remote ?? {}, env),
    containers: readContainers(options.containers ?? {}, env),
  });
}

/** Takes Cordon's own secrets out of the environment once they are read, so that no child and no dump of it has them. */
export function forgetSecrets(env: NodeJS.ProcessEnv = process.env): void {
  for (const { name, secret } of TABLE) if (secret === true) delete env[name];
}

/** The process environment over the `.env` of a directory. Throws a {@link StartError} when that can't be read. */
export function environmentWithDotenv(directory: string): NodeJS.ProcessEnv {
  return { ...readDotenv(directory), ...process.env };
}

/** For the commands that talk to a server; `directory` is where they were started. Throws a {@link StartError}. */
export function loadClientConfig(directory: string, env: NodeJS.ProcessEnv = process.env): ClientConfig {
  return Object.freeze(readClient(env, { ...readDotenv(directory), ...env }));
}

function readDotenv(directory: string): Environment {
  const path = join(directory, '.env');
  try {
    return parseEnv(readFileSync(path, 'utf8'));
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT') return {};
    throw new StartError(`${path} can't be read: ${message}`);
  }
}
