import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { nodeDependenciesOf, type NodeDependencies } from '../../../../src/builder/vendoring/node-dependencies.ts';

const REGISTRY = new URL('https://npm.example.com/all/');

function read(
  files: Readonly<Record<string, unknown>>,
  missing = ['left'],
  entry = 'index.ts',
): NodeDependencies | null {
  const texts = Object.entries(files).map(([path, content]) => {
    const text = typeof content === 'string' ? content : JSON.stringify(content);
    return [path, Buffer.from(text)] as const;
  });
  return nodeDependenciesOf(new Map(texts), entry, missing, REGISTRY);
}

const lock = (packages: object, lockfileVersion = 3) => ({
  'package.json': { dependencies: { left: '^1.0.0' } },
  'package-lock.json': { lockfileVersion, packages },
});

test('npm gets names and ranges, and none of the rest of a package.json', () => {
  const found = read({
    'package.json': {
      dependencies: { left: '^1.0.0', alias: 'npm:@scope/right@>=2 <3' },
      devDependencies: { evil: 'git+https://example.com/evil.git' },
      scripts: { preinstall: 'curl evil.example' },
      workspaces: ['packages/*'],
    },
  });
  assert.deepEqual(JSON.parse(found!.files.get('package.json')!), {
    name: 'function',
    version: '0.0.0',
    private: true,
    dependencies: { left: '^1.0.0', alias: 'npm:@scope/right@>=2 <3' },
    optionalDependencies: {},
    overrides: {},
  });
  assert.deepEqual([found!.folder, found!.isLocked], ['', false]);
});

test('the nearest package.json that names what is missing counts', () => {
  const files = {
    'package.json': { dependencies: { left: '1' } },
    'a/package.json': { dependencies: { right: '1' } },
    'a/b/main.ts': '',
  };
  assert.equal(read(files, ['right'], 'a/b/main.ts')!.folder, 'a/');
  assert.equal(read(files, ['left'], 'a/b/main.ts')!.folder, '');
  assert.equal(read(files, ['other'], 'a/b/main.ts'), null);
  assert.equal(read({ 'index.ts': '' }), null);
});

test('a lock whose packages are in the registry goes with it, without what its root says', () => {
  const packages = {
    '': { name: 'mine', workspaces: ['x'], dependencies: { left: '^1.0.0' }, devDependencies: { vitest: '1' } },
    'node_modules/left': { version: '1.0.1', resolved: 'https://registry.npmjs.org/left/-/left-1.0.1.tgz' },
    'node_modules/left/node_modules/@a/b': { resolved: 'https://npm.example.com/all/b.tgz', integrity: 'sha512-x' },
  };
  const found = read(lock(packages))!;
  const kept = JSON.parse(found.files.get('package-lock.json')!) as { packages: Record<string, object> };
  assert.equal(found.isLocked, true);
  assert.deepEqual(kept.packages['']!, { name: 'function', version: '0.0.0', dependencies: { left: '^1.0.0' } });
  assert.deepEqual(Object.keys(kept.packages), Object.keys(packages));
});

suite('refused by name is', () => {
  for (const range of [
    'file:../secret',
    'link:.',
    'git+ssh://git@example.com/x.git',
    'github:user/repo',
    'user/repo',
    'https://evil.example/x.tgz',
    'http://169.254.169.254/x.tgz',
    'workspace:*',
    '../up',
    '..',
    'left.tgz',
    'left.TAR.GZ',
    '/etc',
    'npm:../up@1',
  ]) {
    test(`a dependency at ${range}`, () => {
      assert.throws(() => read({ 'package.json': { dependencies: { left: '1', right: range } } }), {
        code: 'BAD_REQUEST',
        message: /^package\.json: right is "/,
      });
    });
  }

  test('an override, a name or a setting that leads elsewhere', () => {
    const dependencies = { left: '1' };
    for (const [message, files] of [
      [/x is "file:/, { 'package.json': { dependencies, overrides: { left: { x: 'file:..' } } } }],
      [/no name of a package/, { 'package.json': { dependencies: { left: '1', '../x': '1' } } }],
      [/^\.npmrc: /, { 'package.json': { dependencies }, '.npmrc': 'registry=https://evil.example' }],
      [/no JSON object/, { 'package.json': '[]' }],
      [/not JSON/, { 'package.json': '{' }],
    ] as const)
      assert.throws(() => read(files), { code: 'BAD_REQUEST', message });
  });

  test('a lock that leads elsewhere', () => {
    for (const [message, packages, version] of [
      [/not in the operator's registry/, { 'node_modules/left': { resolved: 'https://evil.example/left.tgz' } }],
      [/not in the operator's registry/, { 'node_modules/left': { resolved: 'http://registry.npmjs.org/left.tgz' } }],
      [/not in the operator's registry/, { 'node_modules/left': { resolved: 'git+ssh://git@github.com/a/b.git' } }],
      [/links and workspaces/, { 'node_modules/left': { resolved: 'packages/left', link: true } }],
      [/links and workspaces/, { 'packages/left': {} }],
      [/links and workspaces/, { 'node_modules/../../etc': {} }],
      [/lockfileVersion/, {}, 1],
    ] as const)
      assert.throws(() => read(lock(packages, version)), { code: 'BAD_REQUEST', message });
  });
});
