import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { gzipSync } from 'node:zlib';
import { MAX_RUNNING, Services } from '../../../../src/guest/executor/services/services.ts';
import { Out } from '../../../../src/guest/isolate/mailbox.ts';

const CALL = 7;

/** The services of a sandbox, asked as an isolate would, or as one that was taken over would. */
class Asked {
  readonly answers: { readonly op: number; readonly buffers: readonly Uint8Array[]; readonly outcome: unknown[] }[] =
    [];
  readonly services: Services;
  readonly #waiting = new Map<number, () => void>();
  /** Whether the call is under way on whose behalf it asks. */
  isOpen = true;
  #last = 0;

  constructor() {
    this.services = new Services(
      (op, buffers, outcome) => {
        this.answers.push({ op, buffers, outcome: JSON.parse(outcome) as unknown[] });
        this.#waiting.get(op)?.();
      },
      () => this.isOpen,
    );
  }

  raw(meta: string, body: string | Uint8Array | null = null): void {
    this.services.take({ kind: Out.SERVICE, id: CALL, meta, body });
  }

  /** `args` is JSON, in which `{"b":n}` is the nth of the parts. */
  async ask(
    kind: string,
    args: unknown[],
    parts: readonly Uint8Array[] = [],
  ): Promise<{ readonly outcome: unknown[]; readonly buffers: readonly Uint8Array[] }> {
    const op = ++this.#last;
    const answered = new Promise<void>((resolve) => this.#waiting.set(op, resolve));
    const sizes = parts.map((part) => part.length);
    this.raw(JSON.stringify([op, kind, sizes, args]), parts.length === 0 ? null : Buffer.concat(parts));
    await answered;
    return this.answers.find((answer) => answer.op === op) ?? assert.fail('no answer');
  }

  /** The number and the sealed copy of a key that signs. */
  async makeKey(): Promise<[id: number, sealed: Uint8Array]> {
    const { outcome, buffers } = await this.ask(
      'subtle.importKey',
      ['raw', { b: 0 }, { d: { name: 'HMAC', hash: 'SHA-256' } }, false, ['sign']],
      [Buffer.alloc(32, 1)],
    );
    return [(outcome[1] as [number])[0], buffers[0] as Uint8Array];
  }

  async sign(id: number, sealed: Uint8Array): Promise<unknown[]> {
    const args = [{ d: { name: 'HMAC' } }, { k: [id, 0] }, { b: 1 }];
    return (await this.ask('subtle.sign', args, [sealed, Buffer.from('data')])).outcome;
  }
}

const FOREIGN = [0, 'InvalidAccessError', 'The key is none of this sandbox'];

suite('what an isolate asks of its executor', () => {
  test('is done with its keys, which it has sealed copies of', async () => {
    const asked = new Asked();
    const [id, sealed] = await asked.makeKey();
    assert.deepEqual(await asked.sign(id, sealed), [1, null]);
    assert.ok(!Buffer.from(sealed).includes(Buffer.alloc(8, 1)));
  });

  test('a key that was not used for long comes back from its sealed copy', async () => {
    const asked = new Asked();
    const [id, sealed] = await asked.makeKey();
    for (let i = 0; i < 300; i++) await asked.makeKey();
    assert.deepEqual(await asked.sign(id, sealed), [1, null]);
  });

  test('a number of nobody’s, a copy that was changed and another sandbox’s key are refused', async () => {
    const [asked, other] = [new Asked(), new Asked()];
    const [id, sealed] = await other.makeKey();
    assert.deepEqual(await asked.sign(id, sealed), FOREIGN);
    assert.deepEqual(await asked.sign(999, Buffer.alloc(0)), FOREIGN);
    const changed = Uint8Array.from(sealed, (byte, at) => (at === 20 ? byte ^ 1 : byte));
    assert.deepEqual(await other.sign(999, changed), FOREIGN);
    assert.deepEqual(await other.sign(999, Buffer.alloc(100)), FOREIGN);
  });

  test('a key keeps what it may not be used for, whatever is asked', async () => {
    const asked = new Asked();
    const [id, sealed] = await asked.makeKey();
    const { outcome } = await asked.ask('subtle.exportKey', ['raw', { k: [id, 0] }], [sealed]);
    assert.equal(outcome[1], 'InvalidAccessError');
    for (let i = 0; i < 300; i++) await asked.makeKey();
    const again = await asked.ask('subtle.exportKey', ['raw', { k: [id, 0] }], [sealed]);
    assert.equal(again.outcome[1], 'InvalidAccessError');
  });

  test('what would take too long is refused before it begins', async () => {
    const asked = new Asked();
    const refused = async (method: string, ...args: unknown[]): Promise<unknown> =>
      (await asked.ask(`subtle.${method}`, args, [Buffer.from([2])])).outcome[1];
    const rsa = { name: 'RSA-PSS', modulusLength: 65_536, publicExponent: { b: 0 }, hash: 'SHA-256' };
    assert.equal(await refused('generateKey', { d: rsa }, true, ['sign']), 'OperationError');
    assert.equal(
      await refused('generateKey', { d: { ...rsa, modulusLength: 2048 } }, true, ['sign']),
      'OperationError',
    );
    assert.equal(
      await refused('generateKey', { d: { name: 'HMAC', hash: 'SHA-1', length: 2 ** 31 } }, true, ['sign']),
      'OperationError',
    );
    assert.equal(await refused('deriveBits', { d: { name: 'PBKDF2', iterations: 4e9 } }, null, 256), 'OperationError');
    assert.equal(await refused('deriveBits', { d: { name: 'Argon2id' } }, null, 256), 'NotSupportedError');
  });

  test('what takes long is done one by one, and not begun once nobody waits for it', async () => {
    const asked = new Asked();
    const { outcome, buffers } = await asked.ask(
      'subtle.importKey',
      ['raw', { b: 0 }, { d: { name: 'PBKDF2' } }, false, ['deriveBits']],
      [Buffer.alloc(8)],
    );
    const key = { k: [(outcome[1] as [number])[0], 0] };
    const pbkdf2 = { d: { name: 'PBKDF2', hash: 'SHA-256', salt: { b: 0 }, iterations: 30_000 } };
    const derive = (): ReturnType<Asked['ask']> =>
      asked.ask('subtle.deriveBits', [pbkdf2, key, 256], [buffers[0] as Uint8Array]);
    const all = [derive(), derive(), derive()];
    assert.equal((await all[0])?.outcome[0], 1);
    asked.isOpen = false;
    assert.equal((await all[2])?.outcome[0], 0);
  });

  test('what is not as an isolate writes it is refused or dropped, and the next is served', async () => {
    const asked = new Asked();
    for (const meta of [
      '',
      'null',
      '[]',
      '[1]',
      '{"op":1}',
      '[1,"subtle.digest",[5],[]]',
      '[1,"subtle.digest",[-1],[]]',
      '[1,"subtle.digest",[],[{"b":0}]]',
      '[1,"subtle.digest",[],[{"k":5}]]',
      '[1,"subtle.digest",[],[{"k":[1,7]}]]',
      '[1,"subtle.digest",[],[{"d":{"__proto__":{"name":"SHA-1"}}}]]',
      '[1,"subtle.digest",[],[{"d":{"toString":"x"}}]]',
      '[1,"subtle.digest",[],[[[1]]]]',
      `[1,"subtle.digest",[],[${'{"d":{"hash":'.repeat(5000)}1${'}}'.repeat(5000)}]]`,
      `[1,"subtle.digest",[${'0,'.repeat(5000)}0],[]]`,
      '[1e400,"subtle.digest",[],[]]',
      '['.repeat(100_000),
      JSON.stringify([1, 'subtle.importKey', [], ['jwk', { d: { k: 'x'.repeat(200_000) } }]]),
      JSON.stringify([1, 'subtle.importKey', [], ['jwk', { d: { key_ops: Array.from({ length: 5000 }, () => 'x') } }]]),
    ]) {
      asked.raw(meta);
      await new Promise((resolve) => setImmediate(resolve));
    }
    assert.ok(asked.answers.every(({ outcome }) => outcome[0] === 0 && outcome[1] === 'TypeError'));
    asked.answers.length = 0;
    const { buffers } = await asked.ask('subtle.digest', ['SHA-256', { b: 0 }], [Buffer.from('abc')]);
    assert.match(Buffer.from(buffers[0] ?? []).toString('hex'), /^ba7816bf/);
    assert.equal(asked.answers.length, 1);
  });

  test('a method that there is not is refused', async () => {
    const asked = new Asked();
    for (const kind of [
      'subtle.constructor',
      'subtle.__proto__',
      'subtle.toString',
      'subtle.',
      'compression.x',
      'other',
      '',
    ])
      assert.equal((await asked.ask(kind, [])).outcome[1], 'TypeError', kind);
  });

  test('a flood is served as far as it is allowed, and what comes later is served', async () => {
    const asked = new Asked();
    const first = asked.makeKey();
    for (let op = 100; op < 5100; op++)
      asked.raw(JSON.stringify([op, 'subtle.digest', [1], ['SHA-256', { b: 0 }]]), Buffer.alloc(1));
    await first;
    const [id, sealed] = await asked.makeKey();
    assert.deepEqual(await asked.sign(id, sealed), [1, null]);
    assert.ok(asked.answers.length <= MAX_RUNNING + 2);
  });

  test('too much at a time is refused', async () => {
    const asked = new Asked();
    const { outcome } = await asked.ask('subtle.digest', ['SHA-256', { b: 0 }], [Buffer.alloc(65 * 1024 * 1024)]);
    assert.equal(outcome[1], 'OperationError');
  });

  test('after the sandbox has ended nothing is answered', async () => {
    const asked = new Asked();
    const [id, sealed] = await asked.makeKey();
    asked.raw('[50,"subtle.digest",[1],["SHA-256",{"b":0}]]', Buffer.alloc(1));
    asked.services.end();
    asked.raw(
      JSON.stringify([51, 'subtle.sign', [sealed.length], [{ d: { name: 'HMAC' } }, { k: [id, 0] }, { b: 0 }]]),
      sealed,
    );
    await new Promise((resolve) => setImmediate(() => setImmediate(resolve)));
    assert.equal(asked.answers.length, 1);
  });
});

suite('what an isolate has compressed', () => {
  test('a bomb gives no more than is asked for', async () => {
    const asked = new Asked();
    await asked.ask('compression.open', [1, 'decompress', 'gzip']);
    const bomb = gzipSync(Buffer.alloc(60_000_000)).subarray(0, 60_000);
    const before = process.memoryUsage().rss;
    const { outcome, buffers } = await asked.ask('compression.step', [1, { b: 0 }, false], [bomb]);
    assert.deepEqual(outcome, [1, [true, false]]);
    assert.ok((buffers[0]?.length ?? 0) <= 256 * 1024);
    assert.ok(process.memoryUsage().rss - before < 50_000_000);
  });

  test('streams end with the call that opened them', async () => {
    const asked = new Asked();
    await asked.ask('compression.open', [1, 'compress', 'gzip']);
    asked.services.callOver(CALL);
    assert.equal((await asked.ask('compression.step', [1, null, true])).outcome[0], 0);
  });

  test('a call that is over opens none, and no call opens too many', async () => {
    const asked = new Asked();
    asked.isOpen = false;
    assert.equal((await asked.ask('compression.open', [1, 'compress', 'gzip'])).outcome[0], 0);
    asked.isOpen = true;
    for (let id = 1; id <= 64; id++)
      assert.equal((await asked.ask('compression.open', [id, 'compress', 'gzip'])).outcome[0], 1);
    assert.equal((await asked.ask('compression.open', [65, 'compress', 'gzip'])).outcome[0], 0);
    assert.equal((await asked.ask('compression.open', [1, 'compress', 'gzip'])).outcome[0], 0);
    asked.services.end();
  });

  test('formats that there are not, and steps out of turn, are refused', async () => {
    const asked = new Asked();
    for (const args of [[1, 'compress', 'zstd'], [1, 'constructor', ''], [1, 'compress', 5], [1]])
      assert.equal((await asked.ask('compression.open', args)).outcome[0], 0);
    await asked.ask('compression.open', [1, 'decompress', 'gzip']);
    const step = asked.ask(
      'compression.step',
      [1, { b: 0 }, true],
      [gzipSync(Buffer.alloc(50_000_000)).subarray(0, 40_000)],
    );
    assert.equal((await asked.ask('compression.step', [1, null, false])).outcome[0], 0);
    assert.equal((await step).outcome[0], 1);
    asked.services.end();
  });
});
