import { sameInBoth } from './both.ts';

const ALGORITHMS = JSON.stringify([
  'md5',
  'sha1',
  'SHA-256',
  'sha224',
  'sha384',
  'sha512',
  'RSA-SHA256',
  'sha512-256',
  'sha3-256',
  'ripemd160',
  'blake2b512',
  'blake2s256',
]);
const failing = (assertion: string): string =>
  `const assert = require('assert'); try { ${assertion} } catch (e) { return [e.name, e.code, e.operator, e.generatedMessage, e.actual, e.expected] } return 'passed'`;
const messages = (assertion: string): string => `const assert = require('assert'); ${assertion}`;

await sameInBoth({
  hashes: `const { createHash } = require('crypto'); return ${ALGORITHMS}.map((a) => createHash(a).update('héllo').update(Buffer.from([1, 2])).digest('hex'))`,
  'digests in encodings': `const { createHash } = require('crypto'); const h = (e) => createHash('sha1').update('616263', 'hex').digest(e); return [h('base64'), h('base64url'), h('latin1'), Buffer.isBuffer(h()), h().length]`,
  HMACs: `const { createHmac } = require('node:crypto'); return [${ALGORITHMS}[2], 'sha1', 'md5', 'sha512'].map((a) => [createHmac(a, 'key').update('data').digest('hex'), createHmac(a, Buffer.alloc(200, 1)).update('data').digest('base64')])`,
  'a hash in one go': `const { hash } = require('crypto'); return [hash('sha1', 'abc'), hash('md5', Buffer.from('x'), 'base64')]`,
  'a hash that is copied': `const h = require('crypto').createHash('sha256').update('a'); const c = h.copy(); c.update('b'); return [h.digest('hex'), c.digest('hex')]`,
  'a hash that is used twice': `const h = require('crypto').createHash('sha256'); h.digest(); h.update('x')`,
  'a hash that there is not': `try { require('crypto').createHash('nope') } catch (e) { return e instanceof Error }`,
  'data that is none': `require('crypto').createHash('sha1').update(5)`,
  timingSafeEqual: `const { timingSafeEqual: same } = require('crypto'); return [same(Buffer.from('a'), Buffer.from('a')), same(new Uint8Array([1]), new Uint8Array([2]))]`,
  'timingSafeEqual of other lengths': `require('crypto').timingSafeEqual(Buffer.from('a'), Buffer.from('ab'))`,
  'random values have their sizes': `const c = require('crypto'); const filled = c.randomFillSync(Buffer.alloc(100_000)); return [c.randomBytes(20).length, await new Promise((r) => c.randomBytes(5, (e, b) => r([e, b.length]))), /^[0-9a-f-]{36}$/.test(c.randomUUID()), filled.some((b) => b !== 0), c.randomInt(3) < 3, Array.from({ length: 50 }, () => c.randomInt(5, 7)).every((n) => n === 5 || n === 6), c.webcrypto.getRandomValues(new Uint8Array(2)).length]`,
  'random numbers out of range': `require('crypto').randomInt(5, 5)`,
  'assert.ok': failing('assert(0, "no")'),
  'assert.equal': failing('assert.equal(1, "1"); assert.equal(1, 2)'),
  'assert.strictEqual': failing('assert.strictEqual(NaN, NaN); assert.strictEqual(1, "1")'),
  'assert.notStrictEqual': failing('assert.notStrictEqual(1, 1)'),
  'assert.deepEqual': failing('assert.deepEqual({ a: 1, b: [2] }, { a: "1", b: ["2"] }); assert.deepEqual([1], [2])'),
  'assert.deepStrictEqual': failing(
    'assert.deepStrictEqual({ a: [1] }, { a: [1] }); assert.deepStrictEqual({ a: 1 }, { a: "1" })',
  ),
  'assert.notDeepStrictEqual': failing('assert.notDeepStrictEqual({ a: 1 }, { a: 1 })'),
  'assert.match': failing('assert.match("abc", /b/); assert.doesNotMatch("abc", /b/)'),
  'assert.ifError': failing('assert.ifError(null); assert.ifError(new Error("x"))'),
  'assert.fail': messages('assert.fail("boom")'),
  'assert.throws that does not': messages('assert.throws(() => 1)'),
  'assert.throws what is expected': messages(
    'const no = () => { throw Object.assign(new TypeError("no way"), { code: "X" }) }; assert.throws(no); assert.throws(no, TypeError); assert.throws(no, /way/); assert.throws(no, { code: "X", message: /no/ }); assert.throws(no, (e) => e.code === "X"); return true',
  ),
  'assert.throws another': messages('assert.throws(() => { throw new TypeError("a") }, RangeError)'),
  'assert.throws what matches no pattern': messages('assert.throws(() => { throw new TypeError("a") }, /b/)'),
  'assert.throws what a function refuses': messages(
    'assert.throws(() => { throw new TypeError("a") }, function check() { return false })',
  ),
  'assert.match of another': messages('assert.match("abc", /x/)'),
  'assert.rejects': messages(
    'await assert.rejects(Promise.reject(new Error("a")), /a/); await assert.rejects(async () => { throw new Error("b") }); return true',
  ),
  'assert.rejects that does not': messages('await assert.rejects(async () => 1)'),
  'assert.doesNotThrow that does': messages('assert.doesNotThrow(() => { throw new Error("x") }, "said")'),
  'assert.strict': `const { strict } = require('assert'); try { strict.equal(1, '1') } catch (e) { return [e.code, strict.strict === strict, require('assert/strict').deepEqual.name.length > 0] }`,
  'an error as the message': messages('assert.equal(1, 2, new RangeError("mine"))'),
});
