/** Containers: what makes them, what is in them, and where packages come from. */

import type { Runtime } from '../core/runtime.ts';
import { flag, oneOf, read, whole } from './setting.ts';
import type { Environment, Setting, SettingTable } from './setting.ts';

export const CONTAINER_ENGINES = ['auto', 'embedded', 'docker'] as const;
export type ContainerEngineWord = (typeof CONTAINER_ENGINES)[number];

export interface ContainersConfig {
  readonly engine: ContainerEngineWord;
  /** Null: where Docker and Podman usually listen. */
  readonly dockerHost: string | null;
  /** Where an ordinary user's Podman listens; null where there is none. */
  readonly runtimeDir: string | null;
  /** Of the engine docker. What is left out is made of this machine's own files. */
  readonly baseImages: Readonly<Partial<Record<Runtime, string>>>;
  /** Null: the `python3` of PATH. */
  readonly pythonPath: string | null;
  readonly scratchMb: number;
  readonly installsDependencies: boolean;
  /** Null: what pip is configured with. */
  readonly pipIndexUrl: string | null;
  /** Null: what npm is configured with. */
  readonly npmRegistry: string | null;
}

export interface ContainersOptions {
  readonly engine?: ContainerEngineWord;
  readonly dockerHost?: string;
  readonly nodeImage?: string;
  readonly pythonImage?: string;
  readonly pythonPath?: string;
  readonly scratchMb?: number;
  readonly installsDependencies?: boolean;
  readonly pipIndexUrl?: string;
  readonly npmRegistry?: string;
}

/** Throws a {@link StartError}. */
export function readContainers(options: ContainersOptions, env: Environment): ContainersConfig {
  const javascript = read(TABLE.nodeImage, options.nodeImage, env);
  const python = read(TABLE.pythonImage, options.pythonImage, env);
  return Object.freeze({
    engine: read(TABLE.engine, options.engine, env),
    dockerHost: read(TABLE.dockerHost, options.dockerHost, env),
    runtimeDir: read(TABLE.runtimeDir, undefined, env),
    baseImages: { ...(javascript === null ? {} : { javascript }), ...(python === null ? {} : { python }) },
    pythonPath: read(TABLE.pythonPath, options.pythonPath, env),
    scratchMb: read(TABLE.scratchMb, options.scratchMb, env),
    installsDependencies: read(TABLE.installsDependencies, options.installsDependencies, env),
    pipIndexUrl: read(TABLE.pipIndexUrl, options.pipIndexUrl, env),
    npmRegistry: read(TABLE.npmRegistry, options.npmRegistry, env),
  });
}

const folder = (
  name: string,
  meaning: string,
  fallbackMeaning: string,
): Setting<string> & { readonly fallback: null } => ({
  name,
  fallback: null,
  fallbackMeaning,
  meaning,
  expected: 'an absolute path',
  parse: (text) => (text.startsWith('/') ? text : undefined),
});

const image = (name: string, runtime: string): Setting<string> & { readonly fallback: null } => ({
  name,
  fallback: null,
  fallbackMeaning: 'the files of this machine',
  meaning: `With Docker or Podman: the image that containers for ${runtime} are made of`,
  expected: 'the name of an image, as `registry.example.com/node:26`',
  parse: (text) => (/^[a-z0-9][a-z0-9._/:@-]{0,254}$/i.test(text) ? text : undefined),
});

/** It may hold a name and a password, so it is kept from children of the host. */
const registry = (name: string, tool: string, what: string): Setting<string> & { readonly fallback: null } => ({
  name,
  fallback: null,
  fallbackMeaning: `what ${tool} is configured with`,
  meaning: `Where ${tool} finds ${what} of functions; one at a private address has to be in CORDON_EGRESS_ALLOW_PRIVATE, too`,
  expected: 'an address that begins with https:// or http://',
  secret: true,
  parse: (text) => (/^https?:$/.test(URL.parse(text)?.protocol ?? '') ? text : undefined),
});

const TABLE = {
  engine: oneOf(
    'CORDON_CONTAINER_ENGINE',
    'auto',
    CONTAINER_ENGINES,
    'What makes containers, `auto` being the embedded engine, and where that does not work Docker or Podman',
  ),
  dockerHost: {
    name: 'DOCKER_HOST',
    fallback: null,
    fallbackMeaning: 'where they usually listen',
    meaning: 'Where Docker or Podman listens: `unix:///path`',
    expected: 'an address like unix:///var/run/docker.sock',
    parse: (text) => text,
  },
  runtimeDir: folder('XDG_RUNTIME_DIR', 'Below it an ordinary user’s Podman listens', 'unset'),
  nodeImage: image('CORDON_NODE_IMAGE', 'Node'),
  pythonImage: image('CORDON_PYTHON_IMAGE', 'Python'),
  pythonPath: folder('CORDON_PYTHON', 'The Python (3.9 or later) that containers run', '`python3` of PATH'),
  scratchMb: whole(
    'CORDON_CONTAINER_TMP_MB',
    '256',
    16,
    65_536,
    'Size of the /tmp of a container; what lies in it counts as its memory',
  ),
  installsDependencies: flag(
    'CORDON_INSTALL_DEPENDENCIES',
    '1',
    'Install what a package.json or requirements.txt names when a function is deployed without its packages',
  ),
  pipIndexUrl: registry('CORDON_PIP_INDEX_URL', 'pip', 'the Python packages'),
  npmRegistry: registry('CORDON_NPM_REGISTRY', 'npm', 'the packages'),
} satisfies SettingTable;

export const CONTAINERS_SETTINGS: readonly Setting<unknown>[] = Object.values(TABLE);
