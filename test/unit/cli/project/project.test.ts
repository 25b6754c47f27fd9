import assert from 'node:assert/strict';
import { relative } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { readProject, selectFunctions } from '../../../../src/cli/project/project.ts';
import { projectFolder } from '../project-folder.ts';

const entries = async (root: string): Promise<string[]> =>
  (await readProject(root)).functions.map(({ name, entry }) => `${name}=${relative(root, entry)}`);

test('folders with an index and code files are functions; _shared, declarations and the rest are not', async (t) => {
  const root = projectFolder(t, {
    'functions/hello/index.ts': '',
    'functions/plain/index.mjs': '',
    'functions/single.ts': '',
    'functions/report/main.py': '',
    'functions/script.py': '',
    'functions/venv/pyvenv.cfg': '',
    'functions/__pycache__/x.pyc': '',
    'functions/types.d.ts': '',
    'functions/single.test.ts': '',
    'functions/_shared/cors.ts': '',
    'functions/_helper.ts': '',
    'functions/.hidden/index.ts': '',
    'functions/notes/readme.md': '',
    'functions/node_modules/x/index.js': '',
    'functions/constructor/index.js': '',
  });
  assert.deepEqual(await entries(root), [
    'constructor=functions/constructor/index.js',
    'hello=functions/hello/index.ts',
    'plain=functions/plain/index.mjs',
    'report=functions/report/main.py',
    'script=functions/script.py',
    'single=functions/single.ts',
  ]);
});

test('cordon.toml, supabase/config.toml and functions/config.toml each say how, with paths relative to themselves', async (t) => {
  const cordon = projectFolder(t, {
    'cordon.toml':
      'tenant = "acme"\nfunctions_dir = "fns"\n[functions.a]\nentrypoint = "./main.ts"\n[functions.off]\nenabled = false',
    'main.ts': '',
    'fns/off.ts': '',
    'fns/deno.json': '{}',
    'fns/b/index.ts': '',
  });
  assert.deepEqual(await entries(cordon), ['a=main.ts', 'b=fns/b/index.ts']);
  assert.equal((await readProject(cordon)).tenant, 'acme');
  assert.equal(relative(cordon, (await readProject(cordon)).functions[1]!.importMap!), 'fns/deno.json');
  const supabase = projectFolder(t, {
    'supabase/config.toml':
      '[db]\nport = 1\n[functions.x]\nimport_map = "./functions/map.json"\nentrypoint = "./functions/x/main.ts"',
    'supabase/functions/x/main.ts': '',
    'supabase/functions/y/index.ts': '',
  });
  assert.deepEqual(await entries(supabase), ['x=supabase/functions/x/main.ts', 'y=supabase/functions/y/index.ts']);
  assert.equal(
    relative(supabase, (await readProject(supabase)).functions[0]!.importMap!),
    'supabase/functions/map.json',
  );
  const inside = projectFolder(t, {
    'functions/config.toml': '[functions.z]\nverify_jwt = false',
    'functions/z/index.ts': '',
  });
  assert.equal((await readProject(inside)).functions[0]!.settings.verify_jwt, false);
});

test('a project that does not hold together is refused with the reason', async (t) => {
  const cases: [Record<string, string>, RegExp][] = [
    [{ 'x.ts': '' }, /there is no project in .+"cordon init" makes one/],
    [{ 'functions/a.ts': '', 'functions/a/index.ts': '' }, /a\/index.ts and a.ts are both function a/],
    [{ 'cordon.toml': '[functions.ghost]' }, /tells of a function ghost, but there is neither/],
    [{ 'cordon.toml': '[functions.a]\nentrypoint = "a.ts"' }, /functions.a: there is no entrypoint/],
    [{ 'cordon.toml': 'functions_dir = "x"' }, /functions_dir is "x", but there is no folder/],
    [{ 'functions/Hello.ts': '' }, /"Hello" is not a name of a function/],
  ];
  for (const [files, message] of cases) await assert.rejects(readProject(projectFolder(t, files)), message);
});

test('functions are chosen by name, and a misspelt one is answered with the near one', async (t) => {
  const project = await readProject(projectFolder(t, { 'functions/hello.ts': '', 'functions/other.ts': '' }));
  assert.deepEqual(
    selectFunctions(project, ['other']).map(({ name }) => name),
    ['other'],
  );
  assert.equal(selectFunctions(project, []).length, 2);
  assert.throws(() => selectFunctions(project, ['helo']), /no function "helo" in this project; did you mean hello\?/);
});

test('the examples of this repository are a project', async () => {
  const project = await readProject(fileURLToPath(new URL('../../../../', import.meta.url)));
  assert.deepEqual(
    project.functions.map(({ name, settings }) => [name, settings.verify_jwt]),
    [
      ['echo', false],
      ['hello', false],
      ['hello-python', false],
    ],
  );
});
