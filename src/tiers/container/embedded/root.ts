/** Root: what a container sees besides its runtime: a shell, the usual small tools, and the few files that libraries look for. */

import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { librariesOfAll } from '../../../walls/libraries.ts';
import { TOOL_FOLDERS } from '../../../walls/tools.ts';
import { layOutFolder } from './laid-out.ts';

export interface RootFile {
  readonly host: string;
  readonly inside: string;
}

/** Where a runtime is told that its certificates are. */
export const CERTIFICATES = '/etc/ssl/certs/ca-certificates.crt';

const PROGRAMS =
  'sh ls cat cp mv rm mkdir rmdir echo pwd env true false sleep head tail wc sort uniq tr cut date uname id test printf ' +
  'basename dirname touch chmod ln tee mktemp grep sed find xargs readlink seq nproc';

/** Where systems keep the certificates that they trust. */
const BUNDLES: readonly string[] = [
  CERTIFICATES,
  '/etc/pki/tls/certs/ca-bundle.crt',
  '/etc/ssl/ca-bundle.pem',
  '/etc/ssl/cert.pem',
];

const ZONES = '/usr/share/zoneinfo';

/** The same for every container of this machine. */
export async function commonFiles(cacheDir: string): Promise<readonly RootFile[]> {
  const programs = await installedPrograms();
  const [bin, etc, libraries] = await Promise.all([
    layOutFolder('container-bin', await contentsOf(programs), cacheDir, 0o555),
    layOutFolder('container-etc', await settings(), cacheDir),
    librariesOf([...programs.values()]),
  ]);
  return [
    { host: bin, inside: '/bin' },
    { host: etc, inside: '/etc' },
    ...libraries,
    ...(existsSync(ZONES) ? [{ host: ZONES, inside: ZONES }] : []),
  ];
}

/**
 * The libraries of binaries, each where the loader looks for it. What lies in some user's folder is shown beside libc, where
 * the loader looks last: a container needs not know of that user.
 */
export async function librariesOf(binaries: readonly string[]): Promise<readonly RootFile[]> {
  const paths = await librariesOfAll(binaries);
  const home = paths.find((path) => /^(?:libc\.so|libc\.musl|ld-musl)/.test(basename(path)));
  const taken = new Set(paths);
  return paths.map((path) => {
    const beside = home === undefined || SYSTEM_FOLDER.test(path) ? path : join(dirname(home), basename(path));
    return { host: path, inside: taken.has(beside) ? path : beside };
  });
}

const SYSTEM_FOLDER = /^\/(?:usr\/)?(?:local\/)?lib/;

/** By name; whatever is not here is left out. */
async function installedPrograms(): Promise<ReadonlyMap<string, string>> {
  const found = new Map<string, string>();
  for (const name of PROGRAMS.split(' ')) {
    const path = TOOL_FOLDERS.map((folder) => `${folder}/${name}`).find((each) => existsSync(each));
    if (path !== undefined) found.set(name, path);
  }
  return found;
}

async function contentsOf(programs: ReadonlyMap<string, string>): Promise<ReadonlyMap<string, Buffer>> {
  const entries = [...programs].map(async ([name, path]) => [name, await readFile(path)] as const);
  return new Map(await Promise.all(entries));
}

/** What is not the host's: a machine with one user, no other machine in sight, and no server for names. */
async function settings(): Promise<ReadonlyMap<string, string | Buffer>> {
  const bundle = BUNDLES.find((path) => existsSync(path));
  return new Map<string, string | Buffer>([
    ['passwd', 'nobody:x:65534:65534:nobody:/tmp:/bin/sh\n'],
    ['group', 'nogroup:x:65534:\n'],
    ['hosts', '127.0.0.1 localhost\n::1 localhost\n'],
    ['hostname', 'cordon\n'],
    ['nsswitch.conf', 'passwd: files\ngroup: files\nhosts: files\n'],
    ['resolv.conf', ''],
    ...(bundle === undefined ? [] : [['ssl/certs/ca-certificates.crt', await readFile(bundle)] as const]),
  ]);
}
