import assert from 'node:assert/strict';
import { createHash, createHmac } from 'node:crypto';
import { suite, test } from 'node:test';
import { contextWithServices } from './bare-services.ts';
import type { Foreign } from './bare.ts';

const HELPERS = `
const hex = (buffer) => new Uint8Array(buffer).toHex();
const key = (usages = ['sign'], extractable = false) =>
  crypto.subtle.importKey('raw', new Uint8Array(32), { name: 'HMAC', hash: 'SHA-256' }, extractable, usages);
const nameOf = async (run) => { try { await run(); return null; } catch (error) { return error.name; } };
`;
const inGuest = (code: string, hasCall = true): Promise<Foreign> =>
  contextWithServices(hasCall).run(`${HELPERS}(async () => { ${code} })()`);

suite('crypto.subtle', () => {
  test('hashes the same, however much there is', async () => {
    for (const name of ['SHA-1', 'SHA-256', 'SHA-384', 'SHA-512'])
      for (const size of [0, 1, 1000, 4096, 4097, 100_000])
        assert.equal(
          await inGuest(`return hex(await crypto.subtle.digest('${name}', new Uint8Array(${size}).fill(7)))`),
          createHash(name.replace('-', '')).update(Buffer.alloc(size, 7)).digest('hex'),
        );
  });

  test('signs with a key that says what it is and no more', async () => {
    const [signature, described, text] = await inGuest(`
      const k = await key();
      return [hex(await crypto.subtle.sign('HMAC', k, new Uint8Array(3))),
        JSON.stringify([k.type, k.extractable, k.algorithm, k.usages]), JSON.stringify(k)]`);
    assert.equal(signature, createHmac('sha256', Buffer.alloc(32)).update(Buffer.alloc(3)).digest('hex'));
    const algorithm = { name: 'HMAC', length: 256, hash: { name: 'SHA-256' } };
    assert.deepEqual(JSON.parse(described), ['secret', false, algorithm, ['sign']]);
    assert.equal(text, '{}');
  });

  test('makes pairs, derives, wraps, and gives out what may be given out', async () => {
    const result = await inGuest(`
      const s = crypto.subtle;
      const pair = () => s.generateKey({ name: 'ECDH', namedCurve: 'P-256' }, true, ['deriveKey', 'deriveBits']);
      const [a, b] = [await pair(), await pair()];
      const aes = (own, other) => s.deriveKey({ name: 'ECDH', public: other.publicKey }, own.privateKey,
        { name: 'AES-GCM', length: 256 }, true, ['encrypt', 'decrypt', 'wrapKey', 'unwrapKey']);
      const [k1, k2] = [await aes(a, b), await aes(b, a)];
      const iv = new Uint8Array(12);
      const sealed = await s.encrypt({ name: 'AES-GCM', iv }, k1, new Uint8Array([1, 2, 3]));
      const opened = await s.decrypt({ name: 'AES-GCM', iv }, k2, sealed);
      const wrapped = await s.wrapKey('jwk', a.privateKey, k1, { name: 'AES-GCM', iv });
      const again = await s.unwrapKey('jwk', wrapped, k2, { name: 'AES-GCM', iv }, { name: 'ECDH', namedCurve: 'P-256' },
        true, ['deriveBits']);
      const jwk = await s.exportKey('jwk', again);
      const rsa = await s.generateKey({ name: 'RSA-PSS', modulusLength: 1024, publicExponent: new Uint8Array([1, 0, 1]),
        hash: 'SHA-256' }, true, ['sign', 'verify']);
      return JSON.stringify([hex(opened), jwk.crv, jwk.d === (await s.exportKey('jwk', a.privateKey)).d,
        rsa.publicKey.algorithm.publicExponent instanceof Uint8Array, Object.keys(rsa)])`);
    assert.deepEqual(JSON.parse(result), ['010203', 'P-256', true, true, ['publicKey', 'privateKey']]);
  });

  test('rejects with the names that the standard has', async () => {
    const rejects = async (code: string, name: string): Promise<void> =>
      assert.equal(await inGuest(`return nameOf(async () => ${code})`), name, code);
    await rejects(`crypto.subtle.digest('MD5', new Uint8Array(1))`, 'NotSupportedError');
    await rejects(`crypto.subtle.digest('SHA-256', 'text')`, 'TypeError');
    await rejects(`crypto.subtle.digest('SHA-256')`, 'TypeError');
    await rejects(`crypto.subtle.digest({}, new Uint8Array(1))`, 'TypeError');
    await rejects(`crypto.subtle.sign('HMAC', {}, new Uint8Array(1))`, 'TypeError');
    await rejects(`crypto.subtle.exportKey('raw', await key())`, 'InvalidAccessError');
    await rejects(
      `crypto.subtle.verify('HMAC', await key(), new Uint8Array(1), new Uint8Array(1))`,
      'InvalidAccessError',
    );
    await rejects(`key([])`, 'SyntaxError');
    await rejects(`key(['sing'])`, 'TypeError');
    await rejects(`crypto.subtle.importKey('rew', new Uint8Array(1), 'HMAC', true, ['sign'])`, 'TypeError');
    await rejects(`crypto.subtle.importKey('jwk', new Uint8Array(1), 'HMAC', true, ['sign'])`, 'TypeError');
    await rejects(`crypto.subtle.importKey('jwk', {}, { name: 'HMAC', hash: 'SHA-1' }, true, ['sign'])`, 'DataError');
    await rejects(`crypto.subtle.importKey('jwk', { k: 'x'.repeat(1e6) }, 'HMAC', true, ['sign'])`, 'DataError');
    await rejects(`key(Array(100).fill('sign'))`, 'TypeError');
    await rejects(`crypto.subtle.digest.call({}, 'SHA-256', new Uint8Array(1))`, 'TypeError');
    await rejects(`new CryptoKey()`, 'TypeError');
    await rejects(`new crypto.subtle.digest()`, 'TypeError');
  });

  test('takes data as it was when it was given', async () => {
    const code = `
      const data = new Uint8Array(5000);
      const promise = crypto.subtle.digest('SHA-256', data);
      data.fill(1);
      return hex(await promise)`;
    assert.equal(await inGuest(code), createHash('sha256').update(Buffer.alloc(5000)).digest('hex'));
  });

  test('clones keys', async () => {
    const code = `
      const k = await key(['sign', 'verify']);
      const clone = structuredClone({ k }).k;
      return [clone !== k, clone instanceof CryptoKey, clone.algorithm !== k.algorithm,
        await crypto.subtle.verify('HMAC', clone, await crypto.subtle.sign('HMAC', k, new Uint8Array(1)), new Uint8Array(1))].join()`;
    assert.equal(await inGuest(code), 'true,true,true,true');
  });

  test('patched prototypes change nothing of what is sent', async () => {
    const code = `
      for (const name of ['toJSON', 'd', 'k', 'name', 'pair', 'hash'])
        Object.defineProperty(Object.prototype, name, { get() { return this === globalThis ? undefined : 'HMAC'; }, configurable: true });
      Array.prototype.toJSON = () => 'taken';
      Array.prototype.push = Array.prototype.join = () => 'taken';
      Object.defineProperty(Array.prototype, 0, { set() { throw new Error('a setter'); }, configurable: true });
      const k = await crypto.subtle.importKey('raw', new Uint8Array(32), { __proto__: null, name: 'HMAC', hash: 'SHA-256' }, false, ['sign']);
      const signature = await crypto.subtle.sign({ __proto__: null, name: 'HMAC' }, k, new Uint8Array(3));
      return new Uint8Array(signature).toHex()`;
    assert.equal(await inGuest(code), createHmac('sha256', Buffer.alloc(32)).update(Buffer.alloc(3)).digest('hex'));
  });

  test('works while the code loads, when there is no invocation', async () => {
    assert.equal(await inGuest(`return (await key()).type`, false), 'secret');
  });
});
