import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { readRequirements } from '../../../../src/builder/vendoring/requirements.ts';

const read = (text: string): ReturnType<typeof readRequirements> =>
  readRequirements(Buffer.from(text), 'requirements.txt');
const HASH = `--hash=sha256:${'a'.repeat(64)}`;

test('names, versions, extras, markers and hashes are handed to pip as they are', () => {
  const text = [
    'requests==2.32.3',
    'uvicorn[standard] >= 0.30, < 1',
    'tomli ~= 2.0 ; python_version < "3.11"',
    `idna==3.10 ${HASH} ${HASH}`,
    'flask',
  ];
  assert.deepEqual(read(text.join('\n')), { text: `${text.join('\n')}\n`, isLocked: false });
});

test('comments, blank lines and lines that go on are read as pip reads them', () => {
  assert.equal(
    read(`# all of it\n\nidna==3.10 \\\n    ${HASH}   # why\r\nsix==1.16.0\n`)?.text,
    `idna==3.10 ${HASH}\nsix==1.16.0\n`,
  );
  assert.equal(read('# nothing\n\n'), null);
});

test('what names every version is locked', () => {
  assert.equal(read('a==1\nb === 2.0\n')?.isLocked, true);
  assert.equal(read('a==1\nb==2.*\n')?.isLocked, false);
  assert.equal(read('a==1\nb>=2\n')?.isLocked, false);
});

suite('refused, with its line, is', () => {
  const refused: Readonly<Record<string, string>> = {
    'another file': '-r other.txt',
    'a constraint': '--constraint c.txt',
    'an editable path': '-e .',
    'another index': '--index-url https://evil.example/simple',
    'one more index': '--extra-index-url https://evil.example/simple',
    'a folder of wheels': '--find-links /etc',
    'code that builds': '--no-binary :all:',
    'an option behind a name': 'six --index-url=https://evil.example',
    'an option behind a marker': 'six; python_version > "3" --global-option=x',
    'a repository': 'git+https://example.com/x.git',
    'a repository under a name': 'six @ git+https://example.com/x.git',
    'an address': 'six @ https://example.com/six.whl',
    'a bare address': 'http://example.com/six.whl',
    'a file address': 'file:///etc/passwd',
    'a path': './six-1.0.whl',
    'an absolute path': '/etc/six.whl',
    'a variable of the environment': 'six; python_version > "${HOME}"',
    'an unknown hash': 'six==1 --hash=md5:00',
  };
  for (const [what, line] of Object.entries(refused)) {
    test(what, () => {
      assert.throws(() => read(`flask\n${line}\n`), { code: 'BAD_REQUEST', message: /^requirements\.txt:2: / });
    });
  }

  test('more than anybody needs', () => {
    assert.throws(() => read('a\n'.repeat(1_001)), { code: 'BAD_REQUEST', message: /1001 packages/ });
    assert.throws(() => read(' '.repeat(600_000)), { code: 'BAD_REQUEST', message: /longer than 512 KB/ });
  });
});

test('a line that is made to keep an expression busy is read at once', () => {
  const startedMs = performance.now();
  for (const line of [
    `a==1${' '.repeat(400_000)}x`,
    `a[${'a '.repeat(200_000)}`,
    `a;${'"'.repeat(400_000)}`,
    `a${',b'.repeat(200_000)}`,
  ])
    assert.throws(() => read(line), { code: 'BAD_REQUEST' });
  assert.ok(performance.now() - startedMs < 20_000);
});
