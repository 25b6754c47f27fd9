import assert from 'node:assert/strict';
import { test } from 'node:test';
import { MAX_ATTACHMENT_BYTES, readReply } from '../../../src/builder/build-result.ts';
import { ProtocolError } from '../../../src/wire/meta.ts';

const LIMIT = 1000;
const BUILT = { kind: 'built', format: 'script', codeBytes: 3, cacheBytes: 2, mapBytes: 1, warnings: [] };

function payload(meta: unknown, body = ''): Buffer {
  const text = Buffer.from(typeof meta === 'string' ? meta : JSON.stringify(meta));
  const length = Buffer.alloc(4);
  length.writeUInt32LE(text.length);
  return Buffer.concat([length, text, Buffer.from(body)]);
}

test('a bundle is cut into its parts', () => {
  const result = readReply(payload({ ...BUILT, warnings: ['index.ts:1:1: hm'] }, 'abcdef'), LIMIT);
  assert.equal(Buffer.from(result.code).toString(), 'abc');
  assert.equal(Buffer.from(result.cache!).toString(), 'de');
  assert.equal(Buffer.from(result.map!).toString(), 'f');
  assert.deepEqual([result.format, result.interleaves, result.warnings], ['script', true, ['index.ts:1:1: hm']]);
  assert.equal(readReply(payload({ ...BUILT, format: 'module' }, 'abcdef'), LIMIT).interleaves, false);
});

test('a reply that breaks the protocol is not a result', () => {
  const replies: [unknown, string?][] = [
    ['{'],
    [null],
    ['"built"'],
    [{ kind: 'other' }],
    [{ ...BUILT, format: 'source' }, 'abcdef'],
    [BUILT, 'abcde'],
    [BUILT, 'abcdefg'],
    [{ ...BUILT, codeBytes: -3, cacheBytes: 8 }, 'abcdef'],
    [{ ...BUILT, codeBytes: '3' }, 'abcdef'],
    [{ ...BUILT, codeBytes: 3.5, cacheBytes: 1.5 }, 'abcdef'],
    [{ ...BUILT, warnings: 'none' }, 'abcdef'],
    [{ ...BUILT, warnings: [{}] }, 'abcdef'],
    [{ kind: 'failed', message: 7, issues: [] }],
    [{ kind: 'failed', message: 'no', issues: null }],
    [
      { ...BUILT, codeBytes: 0, cacheBytes: MAX_ATTACHMENT_BYTES + 1, mapBytes: 0 },
      'x'.repeat(MAX_ATTACHMENT_BYTES + 1),
    ],
  ];
  for (const [meta, body] of replies)
    assert.throws(() => readReply(payload(meta, body), LIMIT), ProtocolError, JSON.stringify(meta));
  assert.throws(() => readReply(Buffer.from([255, 0, 0, 0, 1]), LIMIT), ProtocolError);
});

test('a bundle over the limit is refused, whoever noticed', () => {
  const long = 'x'.repeat(LIMIT + 1);
  const tooLarge = { code: 'CODE_TOO_LARGE', message: `The bundle exceeds ${LIMIT} bytes` };
  assert.throws(
    () => readReply(payload({ ...BUILT, codeBytes: long.length, cacheBytes: 0, mapBytes: 0 }, long), LIMIT),
    tooLarge,
  );
  assert.throws(() => readReply(payload({ kind: 'oversized', codeBytes: 5 }), LIMIT), tooLarge);
});

test('what a child says about errors is bounded and can drive no terminal', () => {
  const issues = Array.from({ length: 500 }, () => `a\u001b[2Jb\n${'y'.repeat(10_000)}`);
  assert.throws(
    () => readReply(payload({ kind: 'failed', message: 'x\u0007\u202e', issues }), LIMIT),
    (error: { code: string; message: string; details: { issues: string[] } }) => {
      assert.equal(error.code, 'COMPILE_FAILED');
      assert.ok(!error.message.includes('\u0007') && !error.message.includes('\u202e'));
      assert.ok(error.details.issues.length <= 32);
      for (const issue of error.details.issues)
        assert.ok(issue.length < 5000 && !issue.includes('\u001b') && issue.includes('\n'));
      return true;
    },
  );
});
