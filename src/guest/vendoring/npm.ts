/**
 * Npm: a function of ours that installs what a package.json names, in a container as any other function: npm reads files
 * that a stranger wrote and a registry that strangers fill, so it has a disk, a processor and a way out that are nobody's.
 *
 * It is sent the files of npm itself, below `npm/`, those of the project below `project/`, and `order.json`. It answers
 * with what npm has put into node_modules, packed; or with status 422 and the end of what npm said.
 */

import { spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { env, execPath } from 'node:process';
import { packFiles, unpackFiles } from '../../lib/packed-files.ts';

/** `order.json`. */
export interface NpmOrder {
  /** Arguments of npm: the command, and where the registry is. */
  readonly args: readonly string[];
  /** PEM; null: those of the system. */
  readonly certificates: string | null;
}

/** Types, maps and texts: nothing that a bundler reads. */
const UNREAD = /\.d\.[cm]?ts$|\.map$|\.(?:md|markdown|flow|tsbuildinfo)$|^\.package-lock\.json$/i;
const OWN_FILES = { cache: 'cache', 'logs-dir': 'logs', userconfig: 'user.npmrc', globalconfig: 'global.npmrc' };
const KEPT_CHARS = 16_384;

export default {
  async fetch(request: Request): Promise<Response> {
    const folder = mkdtempSync(join(tmpdir(), 'npm-'));
    try {
      const { files } = unpackFiles(await request.bytes());
      for (const [path, content] of files) write(join(folder, path), content);
      const order = JSON.parse(readFileSync(join(folder, 'order.json'), 'utf8')) as NpmOrder;
      const { code, said } = await run(folder, order);
      if (code !== 0) return new Response(said, { status: 422 });
      const installed = collect(join(folder, 'project'), 'node_modules', new Map());
      return new Response(packFiles(installed, '') as Uint8Array<ArrayBuffer>);
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  },
};

function run(folder: string, { args, certificates }: NpmOrder): Promise<{ code: number | null; said: string }> {
  const bundle = join(folder, 'certificates.pem');
  if (certificates !== null) writeFileSync(bundle, certificates);
  const trusted = certificates === null ? [] : [`--cafile=${bundle}`];
  // Files that are not there, so that no setting is anybody's.
  const own = Object.entries(OWN_FILES).map(([name, file]) => `--${name}=${join(folder, file)}`);
  const child = spawn(execPath, [join(folder, 'npm/bin/npm-cli.js'), ...args, ...trusted, ...own], {
    cwd: join(folder, 'project'),
    // The sandbox's own, which says where the way out is; its user has no home.
    env: { ...env, HOME: folder },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let said = '';
  const keep = (chunk: Buffer): void => void (said = (said + chunk.toString()).slice(-KEPT_CHARS));
  child.stdout.on('data', keep);
  child.stderr.on('data', keep);
  return new Promise((resolve) => {
    child.once('error', (error) => resolve({ code: -1, said: `npm could not be started: ${error.message}` }));
    child.once('close', (code) => resolve({ code, said }));
  });
}

/** Files alone: a link could lead anywhere. */
function collect(root: string, folder: string, found: Map<string, Uint8Array>): Map<string, Uint8Array> {
  for (const item of entriesOf(join(root, folder))) {
    const path = `${folder}/${item.name}`;
    if (item.isDirectory() && item.name !== '.bin') collect(root, path, found);
    else if (item.isFile() && !UNREAD.test(item.name)) found.set(path, readFileSync(join(root, path)));
  }
  return found;
}

function entriesOf(folder: string): ReturnType<typeof list> {
  try {
    return list(folder);
  } catch {
    // Nothing to install.
    return [];
  }
}

const list = (folder: string) => readdirSync(folder, { withFileTypes: true });

function write(file: string, content: Uint8Array): void {
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, content);
}
