import assert from 'node:assert/strict';
import { test } from 'node:test';
import { framedMeta, MetaReader } from '../../../src/core/sandbox-rpc.ts';

test('a meta is read however its bytes are cut, and the rest is the body', () => {
  const bytes = Buffer.concat([framedMeta({ kind: 'fetch', text: 'é' }), Buffer.from('body')]);
  for (let cut = 0; cut <= bytes.length; cut++) {
    const reader = new MetaReader();
    const metas: unknown[] = [];
    const bodies = [bytes.subarray(0, cut), bytes.subarray(cut)].map((piece) =>
      reader.read(piece, (meta) => metas.push(meta)),
    );
    assert.deepEqual(metas, [{ kind: 'fetch', text: 'é' }]);
    assert.equal(bodies.map((body) => body?.toString() ?? '').join(''), 'body');
  }
});

test('a meta that is too long is refused by its length alone', () => {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32LE(300_000, 0);
  assert.throws(() => new MetaReader().read(bytes, () => undefined), /more than/);
  bytes.writeUInt32LE(0xffff_ffff, 0);
  assert.throws(() => new MetaReader().read(bytes, () => undefined), /more than/);
});
