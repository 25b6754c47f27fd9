import assert from 'node:assert/strict';
import { symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { readSources } from '../../../../src/cli/project/sources.ts';
import { projectFolder as project } from '../project-folder.ts';

const read = async (path: string): Promise<{ entry: string; paths: string[] }> => {
  const { entry, files } = await readSources(path);
  return { entry, paths: [...files.keys()] };
};

test('main.py goes with all of its folder, but for what is made, hidden, or an environment', async (t) => {
  const root = project(t, {
    'api/main.py': 'import views',
    'api/views.py': '',
    'api/requirements.txt': 'flask==3.0.3',
    'api/templates/index.html': '<p>',
    'api/pkg/__init__.py': '',
    'api/pkg/__pycache__/x.cpython-311.pyc': '',
    'api/old.pyc': '',
    'api/.env': 'SECRET=1',
    'api/.git/config': '',
    'api/env/pyvenv.cfg': '',
    'api/env/lib/site.py': '',
    'api/node_modules/x/index.js': '',
    'api/.cordon/admin-token': 'secret',
    'api/.cordon/packages/flask/__init__.py': '',
    'other.py': '',
  });
  assert.deepEqual(await read(join(root, 'api/main.py')), {
    entry: 'main.py',
    paths: [
      '.cordon/packages/flask/__init__.py',
      'main.py',
      'pkg/__init__.py',
      'requirements.txt',
      'templates/index.html',
      'views.py',
    ],
  });
});

test('another file goes with the modules beside it that are imported, and those that they import', async (t) => {
  const root = project(t, {
    'functions/mailer.py':
      'import os, words as w\nfrom tools.text import trim\n\ndef handler(e, c):\n    from late import x\n',
    'functions/words.py': 'import json',
    'functions/tools/__init__.py': '',
    'functions/tools/text.py': 'import deep',
    'functions/deep.py': '',
    'functions/late.py': '',
    'functions/os.d/x': '',
    'functions/other.py': '',
    'functions/requirements.txt': '',
    'functions/.env': '',
  });
  assert.deepEqual(await read(join(root, 'functions/mailer.py')), {
    entry: 'mailer.py',
    paths: ['deep.py', 'late.py', 'mailer.py', 'requirements.txt', 'tools/__init__.py', 'tools/text.py', 'words.py'],
  });
});

test('a link in the folder is refused: it could lead to the files of a home', async (t) => {
  const root = project(t, { 'api/main.py': '', 'home/.ssh/id': 'secret' });
  symlinkSync(join(root, 'home'), join(root, 'api/home'));
  await assert.rejects(read(join(root, 'api/main.py')), { name: 'CliError', message: /a link could lead out/ });
});

test('packages that nobody installed here go as the package.json and the lock that name them', async (t) => {
  const root = project(t, {
    'package.json': '{"dependencies":{"left":"^1.0.0"}}',
    'package-lock.json': '{}',
    'fn/index.ts': `import left from 'left/deep'; import { a } from './a.ts'; export default left + a;`,
    'fn/a.ts': 'export const a = 1;',
    'fn/lost.ts': `import right from 'right'; export default right;`,
  });
  assert.deepEqual(await read(join(root, 'fn/index.ts')), {
    entry: 'fn/index.ts',
    paths: ['fn/a.ts', 'fn/index.ts', 'package-lock.json', 'package.json'],
  });
  assert.deepEqual((await read(join(root, 'fn/lost.ts'))).paths, ['lost.ts']);
});
