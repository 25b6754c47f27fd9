/** A registry for npm and an index for pip on loopback, with packages that are made here. */

import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';

const execute = promisify(execFile);

export interface Registries {
  readonly npm: string;
  readonly pip: string;
  /** `127.0.0.1:1234` */
  readonly host: string;
  /** Paths, in the order in which they were asked for. */
  readonly asked: string[];
  close(): Promise<void>;
}

export interface NpmPackage {
  readonly name: string;
  readonly version: string;
  readonly files: Readonly<Record<string, string>>;
  readonly manifest?: Readonly<Record<string, unknown>>;
}

export interface Wheel {
  readonly name: string;
  readonly version: string;
  readonly files: Readonly<Record<string, string>>;
  /** As METADATA writes it. */
  readonly requires?: readonly string[];
}

interface Served {
  readonly type: string;
  readonly content: Buffer;
}

/** What there is may be changed by whoever starts it: `add` takes effect at once. */
export async function startRegistries(packages: readonly NpmPackage[], wheels: readonly Wheel[]): Promise<Registries> {
  const served = new Map<string, Served>();
  const asked: string[] = [];
  const server = createServer(({ url = '/' }, response) => {
    asked.push(url);
    const found = served.get(decodeURIComponent(url).replace(/[?#].*$/, ''));
    if (found === undefined) return void response.writeHead(404).end('not here');
    response.writeHead(200, { 'content-type': found.type }).end(found.content);
  });
  server.listen(0, '127.0.0.1');
  await new Promise((resolve) => server.once('listening', resolve));
  const host = `127.0.0.1:${(server.address() as AddressInfo).port}`;
  const folder = await mkdtemp(join(tmpdir(), 'cordon-registries-'));
  try {
    for (const each of packages) await serveNpm(served, each, `http://${host}`, folder);
    for (const each of wheels) await serveWheel(served, each, folder);
  } finally {
    await rm(folder, { recursive: true });
  }
  return {
    npm: `http://${host}/npm/`,
    pip: `http://${host}/simple/`,
    host,
    asked,
    async close() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

async function serveNpm(served: Map<string, Served>, given: NpmPackage, base: string, folder: string): Promise<void> {
  const { name, version, files, manifest = {} } = given;
  const root = join(folder, `${name}-${version}`);
  const own = { name, version, main: 'index.js', ...manifest };
  await write(join(root, 'package'), { ...files, 'package.json': JSON.stringify(own) });
  const file = join(folder, `${name}.tgz`);
  await execute('tar', ['-czf', file, '-C', root, 'package']);
  const content = await readFile(file);
  const path = `/npm/${name}/-/${name}-${version}.tgz`;
  served.set(path, { type: 'application/octet-stream', content });
  const integrity = `sha512-${createHash('sha512').update(content).digest('base64')}`;
  const dist = { tarball: `${base}${path}`, integrity, shasum: createHash('sha1').update(content).digest('hex') };
  const packument = { name, 'dist-tags': { latest: version }, versions: { [version]: { ...own, dist } } };
  served.set(`/npm/${name}`, { type: 'application/json', content: Buffer.from(JSON.stringify(packument)) });
}

async function serveWheel(
  served: Map<string, Served>,
  { name, version, files, requires = [] }: Wheel,
  folder: string,
): Promise<void> {
  const info = `${name}-${version}.dist-info`;
  const metadata = [
    'Metadata-Version: 2.1',
    `Name: ${name}`,
    `Version: ${version}`,
    ...requires.map((each) => `Requires-Dist: ${each}`),
  ];
  const all: Record<string, string> = {
    ...files,
    [`${info}/METADATA`]: `${metadata.join('\n')}\n`,
    [`${info}/WHEEL`]: 'Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n',
  };
  const record = [...Object.keys(all), `${info}/RECORD`].map((path) => `${path},,\n`).join('');
  const root = join(folder, `${name}-wheel`);
  await write(root, { ...all, [`${info}/RECORD`]: record });
  const file = `${name}-${version}-py3-none-any.whl`;
  const zip =
    'import os, sys, zipfile\nwith zipfile.ZipFile(sys.argv[1], "w") as z:\n for d, _, fs in os.walk(sys.argv[2]):\n  for f in fs: z.write(os.path.join(d, f), os.path.relpath(os.path.join(d, f), sys.argv[2]))';
  await execute('python3', ['-I', '-c', zip, join(folder, file), root]);
  const content = await readFile(join(folder, file));
  const digest = createHash('sha256').update(content).digest('hex');
  served.set(`/files/${file}`, { type: 'application/zip', content });
  const page = `<!DOCTYPE html><html><body><a href="/files/${file}#sha256=${digest}">${file}</a></body></html>`;
  served.set(`/simple/${name}/`, { type: 'text/html', content: Buffer.from(page) });
}

async function write(root: string, files: Readonly<Record<string, string>>): Promise<void> {
  for (const [path, text] of Object.entries(files)) {
    await mkdir(dirname(join(root, path)), { recursive: true });
    await writeFile(join(root, path), text);
  }
}
