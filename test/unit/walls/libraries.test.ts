import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseLdd, sharedLibraries } from '../../../src/walls/libraries.ts';

test('the libraries of a binary are its libraries and its loader, as paths', () => {
  const glibc = `\tlinux-vdso.so.1 (0x00007f8a294e3000)
\tlibm.so.6 => /lib/x86_64-linux-gnu/libm.so.6 (0x00007f8a293e3000)
\tlibodd.so => /opt/with space/libodd.so (0x00007f8a293e3000)
\t/lib64/ld-linux-x86-64.so.2 (0x00007f8a294e5000)
`;
  assert.deepEqual(parseLdd(glibc, 'x'), [
    '/lib/x86_64-linux-gnu/libm.so.6',
    '/opt/with space/libodd.so',
    '/lib64/ld-linux-x86-64.so.2',
  ]);
  const musl = `\t/lib/ld-musl-x86_64.so.1 (0x7f0000000000)
\tlibc.musl-x86_64.so.1 => /lib/ld-musl-x86_64.so.1 (0x7f0000000000)
`;
  assert.deepEqual(parseLdd(musl, 'x'), ['/lib/ld-musl-x86_64.so.1']);
});

test('a library that is not installed is named', () => {
  assert.throws(
    () => parseLdd('\tlibatomic.so.1 => not found\n', '/opt/node'),
    /\/opt\/node needs .* libatomic\.so\.1/,
  );
});

test('node itself has libraries, a static binary has none, and a missing one is an error', async () => {
  assert.ok((await sharedLibraries(process.execPath)).length > 0);
  const esbuild = new URL(`../../../node_modules/@esbuild/linux-${process.arch}/bin/esbuild`, import.meta.url).pathname;
  assert.deepEqual(await sharedLibraries(esbuild), []);
  await assert.rejects(sharedLibraries('/does/not/exist'));
});
