import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, suite, test, type TestContext } from 'node:test';
import { nodeDependenciesOf } from '../../../../src/builder/vendoring/node-dependencies.ts';
import { readRequirements } from '../../../../src/builder/vendoring/requirements.ts';
import { Vendor, type Vendored, type VendorOptions } from '../../../../src/builder/vendoring/vendor.ts';
import { Fault } from '../../../../src/core/faults.ts';
import type { FunctionVersion } from '../../../../src/core/function.ts';
import { missingInstaller, runHere } from '../../../support/installers.ts';
import { startRegistries, type Registries } from '../../../support/package-registries.ts';

let registries: Registries;
before(async () => {
  registries = await startRegistries(
    [
      {
        name: 'left',
        version: '1.2.3',
        files: { 'index.js': 'module.exports = require("right")', 'left.d.ts': '', 'README.md': 'hello', 'bin.js': '' },
        manifest: { dependencies: { right: '^2.0.0' }, scripts: { postinstall: 'touch /tmp/owned' }, bin: 'bin.js' },
      },
      { name: 'right', version: '2.0.1', files: { 'index.js': 'module.exports = "right"' } },
    ],
    [
      {
        name: 'greet',
        version: '1.0.0',
        files: { 'greet/__init__.py': 'from words import HELLO\n', 'greet/data.txt': 'x' },
        requires: ['words>=1'],
      },
      { name: 'words', version: '1.1', files: { 'words.py': 'HELLO = "hello"\n' } },
    ],
  );
});
after(() => registries.close());

async function vendorOf(t: TestContext, change: Partial<VendorOptions> = {}): Promise<Vendor> {
  const cacheDir = await mkdtemp(join(tmpdir(), 'cordon-vendor-'));
  t.after(() => rm(cacheDir, { recursive: true }));
  return new Vendor({
    cacheDir,
    run: runHere(),
    placeOf: () => 'container',
    python: 'python3',
    pipIndexUrl: registries.pip,
    npmRegistry: registries.npm,
    ...change,
  });
}

const node = async (vendor: Vendor, dependencies: object, owner = 'acme'): Promise<Vendored> => {
  const files = new Map([['package.json', Buffer.from(JSON.stringify({ dependencies }))]]);
  return vendor.node(nodeDependenciesOf(files, 'index.js', Object.keys(dependencies), new URL(registries.npm))!, owner);
};
const python = (vendor: Vendor, text: string, owner = 'acme'): Promise<Vendored> =>
  vendor.python(readRequirements(Buffer.from(text), 'requirements.txt')!, owner);
const faultOf = (work: Promise<unknown>): Promise<Fault> =>
  work.then(
    () => assert.fail('it was installed'),
    (error: unknown) => (error instanceof Fault ? error : assert.fail(String(error))),
  );

suite('npm', { skip: await missingInstaller('npm') }, () => {
  test('installs what a package.json names, with what that needs, and nothing that no bundler reads', async (t) => {
    const { files, notes } = await node(await vendorOf(t), { left: '^1.0.0' });
    assert.deepEqual(
      [...files.keys()],
      [
        'node_modules/left/bin.js',
        'node_modules/left/index.js',
        'node_modules/left/package.json',
        'node_modules/right/index.js',
        'node_modules/right/package.json',
      ],
    );
    assert.match(notes[0]!, /^Dependencies, installed by npm \d+\.\S+ from 127\.0\.0\.1:\d+: left, right$/);
  });

  test('takes the versions of a lock', async (t) => {
    const vendor = await vendorOf(t);
    const asked = registries.asked.length;
    const lock = {
      lockfileVersion: 3,
      packages: {
        '': { dependencies: { right: '^2.0.0' } },
        'node_modules/right': { version: '2.0.1', resolved: `${registries.npm}right/-/right-2.0.1.tgz` },
      },
    };
    const files = new Map([
      ['package.json', Buffer.from('{"dependencies":{"right":"^2.0.0"},"devDependencies":{"left":"1"}}')],
      ['package-lock.json', Buffer.from(JSON.stringify(lock))],
    ]);
    const dependencies = nodeDependenciesOf(files, 'index.js', ['right'], new URL(registries.npm))!;
    assert.deepEqual(
      [...(await vendor.node(dependencies, 'acme')).files.keys()],
      ['node_modules/right/index.js', 'node_modules/right/package.json'],
    );
    assert.deepEqual(registries.asked.slice(asked), ['/npm/right/-/right-2.0.1.tgz']);
  });

  test('says which package is not there', async (t) => {
    const fault = await faultOf(node(await vendorOf(t), { nobody: '1' }));
    assert.equal(fault.code, 'COMPILE_FAILED');
    assert.match(fault.message, /can't be installed by npm .*(?:404|nobody)/);
  });

  test('names the registry that does not answer, and what to do', async (t) => {
    const vendor = await vendorOf(t, { npmRegistry: 'http://127.0.0.1:9/' });
    const fault = await faultOf(node(vendor, { left: '1' }));
    assert.equal(fault.code, 'COMPILE_FAILED');
    assert.match(fault.message, /does not reach 127\.0\.0\.1:9: it does not answer\..*npm install/);
  });
});

suite('pip', { skip: await missingInstaller('pip') }, () => {
  test('installs what a requirements.txt names, with what that needs', async (t) => {
    const { files, notes } = await python(await vendorOf(t), 'greet==1.0.0\n');
    assert.deepEqual(
      [...files.keys()],
      [
        '.cordon/packages/greet-1.0.0.dist-info/INSTALLER',
        '.cordon/packages/greet-1.0.0.dist-info/METADATA',
        '.cordon/packages/greet-1.0.0.dist-info/RECORD',
        '.cordon/packages/greet-1.0.0.dist-info/REQUESTED',
        '.cordon/packages/greet-1.0.0.dist-info/WHEEL',
        '.cordon/packages/greet/__init__.py',
        '.cordon/packages/greet/data.txt',
        '.cordon/packages/words-1.1.dist-info/INSTALLER',
        '.cordon/packages/words-1.1.dist-info/METADATA',
        '.cordon/packages/words-1.1.dist-info/RECORD',
        '.cordon/packages/words-1.1.dist-info/WHEEL',
        '.cordon/packages/words.py',
      ],
    );
    assert.match(
      notes[0]!,
      /^Dependencies, installed by pip \d+\.\S+ from 127\.0\.0\.1:\d+: greet 1\.0\.0, words 1\.1$/,
    );
  });

  test('holds the hashes that a requirement names', async (t) => {
    const fault = await faultOf(python(await vendorOf(t), `words==1.1 --hash=sha256:${'0'.repeat(64)}\n`));
    assert.equal(fault.code, 'COMPILE_FAILED');
    assert.match([fault.message, ...(fault.details.issues ?? [])].join('\n'), /HASH|hash/);
  });

  test('says which package is not there', async (t) => {
    const fault = await faultOf(python(await vendorOf(t), 'nobody==1\n'));
    assert.match(fault.message, /can't be installed by pip .*nobody/);
  });

  test('names the index that does not answer, and what to do', async (t) => {
    const fault = await faultOf(python(await vendorOf(t, { pipIndexUrl: 'http://127.0.0.1:9/simple' }), 'words\n'));
    assert.match(fault.message, /does not reach 127\.0\.0\.1:9: it does not answer\..*pip install/);
  });

  test('is run as the tenant, with a way to its index and to nothing else', async (t) => {
    const seen: FunctionVersion[] = [];
    await python(await vendorOf(t, { run: runHere((version) => seen.push(version)) }), 'words==1.1\n', 'globex');
    const [{ tenant, tier, runtime, egress, env, capabilities }] = seen as [FunctionVersion];
    assert.deepEqual(
      { tenant, tier, runtime, egress, env, capabilities },
      {
        tenant: 'globex',
        tier: 'container',
        runtime: 'python',
        egress: { allow: [registries.host], refusal: 'throw' },
        env: {},
        capabilities: [],
      },
    );
  });

  test('is asked once for one tenant, and again for another', async (t) => {
    let runs = 0;
    const vendor = await vendorOf(t, { run: runHere(() => runs++) });
    const first = await python(vendor, 'words==1.1\n');
    const again = await python(vendor, 'words==1.1\n');
    assert.deepEqual([runs, again.notes], [1, ['Dependencies, installed earlier: words 1.1']]);
    assert.deepEqual([...again.files.keys()], [...first.files.keys()]);
    await python(vendor, 'words==1.1\n', 'globex');
    assert.equal(runs, 2);
  });
});

suite('an installer that was taken over', () => {
  const answering = (body: Uint8Array): Partial<VendorOptions> => ({
    run: () => ({
      id: '1',
      cancel: () => undefined,
      outcome: Promise.resolve({
        id: '1',
        response: { status: 200, headers: [], body },
        fault: null,
        logs: [],
        durationMs: 1,
      }),
    }),
  });
  const packed = (path: string, size: number, content = 'x'): Uint8Array => {
    const list = JSON.stringify({ entry: '', files: [[path, size]] });
    const length = Buffer.alloc(4);
    length.writeUInt32LE(Buffer.byteLength(list));
    return Buffer.concat([length, Buffer.from(list + content)]);
  };
  const answers: Readonly<Record<string, Uint8Array>> = {
    'puts a file in the place of the function’s own': packed('main.py', 1),
    'puts a file outside': packed('.cordon/packages/../../main.py', 1),
    'names an absolute path': packed('/etc/passwd', 1),
    'says more than it sends': packed('.cordon/packages/a.py', 9),
    'names a size that is none': packed('.cordon/packages/a.py', -1),
    'sends no list': Buffer.from('PK\u0003\u0004'),
    'sends nothing': Buffer.alloc(0),
  };
  for (const [what, body] of Object.entries(answers)) {
    test(`${what}, and is not believed`, async (t) => {
      const fault = await faultOf(python(await vendorOf(t, answering(body)), 'words==1.1\n'));
      assert.equal(fault.code, 'COMPILE_FAILED');
    });
  }
});

test('where there is no container, packages have to be uploaded', async (t) => {
  const fault = await faultOf(python(await vendorOf(t, { placeOf: () => null }), 'words==1.1\n'));
  assert.equal(fault.code, 'TIER_UNAVAILABLE');
  assert.match(fault.message, /pip install .*--target \.cordon\/packages/);
});
