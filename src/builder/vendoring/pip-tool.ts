/** PipTool: the pip of the machine's Python, and the index that it is configured with. */

import { readFile } from 'node:fs/promises';
import { Fault } from '../../core/faults.ts';
import { PYTHON_PACKAGES } from './installed.ts';
import { ask, filesOf, requireRegistry, type Tool } from './tool.ts';

/** Where pip lies: as a module, or as the wheel that Python or the distribution brings along. */
const QUESTION = `
import glob, json, os
try:
    import pip
    found = {'folder': os.path.dirname(os.path.realpath(pip.__file__)), 'version': pip.__version__}
except ImportError:
    import sysconfig
    places = [os.path.join(sysconfig.get_path('stdlib'), 'ensurepip', '_bundled'), '/usr/share/python-wheels']
    wheels = sorted(path for place in places for path in glob.glob(os.path.join(place, 'pip-*.whl')))
    found = {'wheel': wheels[-1], 'version': os.path.basename(wheels[-1]).split('-')[1]} if wheels else {}
print(json.dumps(found))
`;
const PUBLIC_INDEX = 'https://pypi.org/simple';
const COMPILED = /(?:^|\/)__pycache__\//;
const CURE = `upload the packages with the function (\`pip install --target ${PYTHON_PACKAGES.slice(0, -1)} -r requirements.txt\`)`;

/** `python` is a path or a name; `index` the operator's word, in place of pip's own configuration. Rejects with TIER_UNAVAILABLE. */
export async function findPip(python: string, index: string | null): Promise<Tool> {
  const { folder, wheel, version } = await whereIs(python);
  if (folder === undefined && wheel === undefined)
    throw new Fault('TIER_UNAVAILABLE', `Dependencies can't be installed: ${python} has no pip; ${CURE}`);
  const settings = index === null ? await settingsOf(python, wheel === undefined) : new Map([['index-url', index]]);
  const { indexes, hosts, certificates } = await readSettings(settings);
  const [first, ...others] = indexes.map((url) => url.href);
  return {
    name: `pip ${version}`,
    files:
      folder === undefined
        ? new Map([['pip.whl', await readFile(wheel!)]])
        : await filesOf(folder, `${PYTHON_PACKAGES}pip/`, COMPILED),
    registries: indexes,
    args: [
      `--index-url=${first}`,
      ...others.map((url) => `--extra-index-url=${url}`),
      ...hosts.map((host) => `--trusted-host=${host}`),
    ],
    certificates,
  };
}

interface Found {
  readonly folder?: string;
  readonly wheel?: string;
  readonly version?: string;
}

async function whereIs(python: string): Promise<Found> {
  try {
    return JSON.parse(await ask(python, ['-I', '-c', QUESTION])) as Found;
  } catch (error) {
    throw new Fault('TIER_UNAVAILABLE', `Dependencies can't be installed: ${python} does not run; ${CURE}`, {
      issues: [(error as Error).message.slice(0, 500)],
    });
  }
}

/** Of `pip config list`: `global.index-url='…'`; what is said for `install` wins over `global`, and the environment over both. */
async function settingsOf(python: string, hasModule: boolean): Promise<Map<string, string>> {
  const text = hasModule ? await ask(python, ['-m', 'pip', 'config', 'list']).catch(() => '') : '';
  const found = [...text.matchAll(/^(global|install|:env:)\.([a-z-]+)='(.*)'$/gm)];
  const order = ['global', 'install', ':env:'];
  found.sort(([, a = ''], [, b = '']) => order.indexOf(a) - order.indexOf(b));
  return new Map(found.map(([, , name = '', value = '']) => [name, value]));
}

async function readSettings(settings: ReadonlyMap<string, string>): Promise<{
  readonly indexes: readonly URL[];
  readonly hosts: readonly string[];
  readonly certificates: string | null;
}> {
  const list = (name: string): string[] =>
    (settings.get(name) ?? '')
      .replaceAll(String.raw`\n`, ' ')
      .split(/\s+/)
      .filter((word) => word !== '');
  const first = requireRegistry(settings.get('index-url') ?? PUBLIC_INDEX, 'The index of pip');
  // A folder of this machine is out of sight where pip runs.
  const others = list('extra-index-url')
    .filter((text) => /^https?:/.test(text))
    .map((text) => requireRegistry(text, 'An index of pip'));
  const cert = settings.get('cert');
  return {
    indexes: [first, ...others],
    hosts: list('trusted-host').filter((host) => /^[\w.:[\]-]+$/.test(host)),
    certificates: cert === undefined ? null : await readFile(cert, 'utf8'),
  };
}
