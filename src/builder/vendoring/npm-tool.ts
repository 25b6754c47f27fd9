/** NpmTool: the npm of this machine, and the registry that it is configured with. */

import { existsSync } from 'node:fs';
import { readFile, realpath } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { Fault } from '../../core/faults.ts';
import { ask, filesOf, requireRegistry, type Tool } from './tool.ts';

/** Manuals, types, and the compiler for addons that is never started. */
const SKIPPED = /^(?:docs|man|tap-snapshots|test)\/|\.(?:d\.ts|md|map|html|py|1|5|7)$|\/node-gyp\/gyp\//;
const CURE = 'upload node_modules with the function (`npm install`, then `cordon deploy`)';

/** `registry`: the operator's word, in place of npm's own configuration. Rejects with TIER_UNAVAILABLE. */
export async function findNpm(registry: string | null): Promise<Tool> {
  const root = await rootOf().catch(() => null);
  // Some distributions take npm apart; its parts alone would not run anywhere else.
  if (root === null || !existsSync(join(root, 'node_modules/@npmcli/arborist')))
    throw new Fault(
      'TIER_UNAVAILABLE',
      `Dependencies can't be installed: there is no whole npm on this machine; ${CURE}`,
    );
  const { version } = JSON.parse(await readFile(join(root, 'package.json'), 'utf8')) as { version: string };
  const url = requireRegistry(registry ?? (await ask('npm', ['config', 'get', 'registry'])), 'The registry of npm');
  const authentication = url.username === '' ? [] : [`--//${url.host}${url.pathname}:_auth=${credentialsOf(url)}`];
  const cafile = registry === null ? await ask('npm', ['config', 'get', 'cafile']) : 'null';
  url.username = '';
  url.password = '';
  return {
    name: `npm ${version}`,
    files: await filesOf(root, 'npm/', SKIPPED),
    registries: [url],
    args: [`--registry=${url.href}`, ...authentication],
    certificates: cafile === 'null' || cafile === '' ? null : await readFile(cafile, 'utf8'),
  };
}

async function rootOf(): Promise<string> {
  const program = await realpath(await ask('sh', ['-c', 'command -v npm']));
  const root = dirname(dirname(program));
  return existsSync(join(root, 'bin/npm-cli.js')) ? root : join(await ask('npm', ['root', '--global']), 'npm');
}

const credentialsOf = ({ username, password }: URL): string =>
  Buffer.from(`${decodeURIComponent(username)}:${decodeURIComponent(password)}`).toString('base64');
