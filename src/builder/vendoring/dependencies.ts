/** Dependencies: the packages that a source asks for and did not bring along, put beside its files. */

import type { SourceFiles } from '../../core/deployment.ts';
import { Fault } from '../../core/faults.ts';
import type { BuildSource } from '../build-source.ts';
import { NODE_PACKAGES, PYTHON_PACKAGES } from './installed.ts';
import { nodeDependenciesOf } from './node-dependencies.ts';
import { readRequirements } from './requirements.ts';
import type { Vendor, Vendored } from './vendor.ts';

const REQUIREMENTS = 'requirements.txt';
/** pip's own settings could name another index. */
const PIP_SETTINGS = ['pip.conf', 'pip.ini', '.pip/pip.conf', '.config/pip/pip.conf'];

/** All that a Python source runs with. Rejects as {@link Vendor.python} does, and with BAD_REQUEST. */
export async function withRequirements(source: BuildSource, vendor: Vendor | null, owner: string): Promise<Vendored> {
  const { files, entry } = source;
  const folder = entry.slice(0, entry.lastIndexOf('/') + 1);
  const path = [`${folder}${REQUIREMENTS}`, REQUIREMENTS].find((candidate) => files.has(candidate));
  const isVendored = files.keys().some((file) => file.startsWith(PYTHON_PACKAGES));
  if (path === undefined || isVendored) return { files, notes: [] };
  const requirements = readRequirements(files.get(path)!, path);
  if (requirements === null) return { files, notes: [] };
  const settings = PIP_SETTINGS.find((file) => files.has(file) || files.has(folder + file));
  if (settings !== undefined)
    throw new Fault('BAD_REQUEST', `${settings}: it is not taken: the operator's index is used, and nothing else`);
  return merged(files, await requireVendor(vendor, path).python(requirements, owner));
}

/** After a build that ended with `error`. Null where no package.json asks for what was missing, or packages came along. */
export async function withPackages(
  source: BuildSource,
  error: unknown,
  vendor: Vendor | null,
  owner: string,
): Promise<Vendored | null> {
  const missing = error instanceof Fault ? (error.details.missing ?? []) : [];
  const hasPackages = source.files.keys().some((file) => `/${file}`.includes(`/${NODE_PACKAGES}`));
  if (vendor === null || missing.length === 0 || hasPackages || !vendor.serves('javascript')) return null;
  if (!source.files.keys().some((file) => /(?:^|\/)package\.json$/.test(file))) return null;
  const registry = await vendor.npmRegistry();
  const asked = nodeDependenciesOf(source.files, source.entry, missing, registry);
  return asked === null ? null : merged(source.files, await vendor.node(asked, owner));
}

function merged(files: SourceFiles, vendored: Vendored): Vendored {
  return { ...vendored, files: new Map([...files, ...vendored.files]) };
}

function requireVendor(vendor: Vendor | null, path: string): Vendor {
  if (vendor !== null) return vendor;
  throw new Fault(
    'TIER_UNAVAILABLE',
    `${path}: packages can't be installed here; upload them with the function: \`pip install --target ${PYTHON_PACKAGES.slice(0, -1)} -r ${path}\``,
  );
}
