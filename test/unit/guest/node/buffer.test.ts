import { sameInBoth } from './both.ts';

const buffer = (body: string): string => `const { Buffer } = require('buffer'); ${body}`;
const BASE64 = JSON.stringify([
  '',
  'YQ==',
  'YQ',
  'YWI',
  'YWJj',
  'YW Jj\n',
  '-_-_',
  '+/+/',
  'YWJj=ZGVm',
  'Y',
  '====',
  'a-b*c',
  'YQ=a',
]);

await sameInBoth({
  'from text in every encoding': buffer(
    `return ['utf8', 'utf-8', 'ucs2', 'utf16le', 'latin1', 'binary', 'ascii', 'UTF8'].map((e) => [...Buffer.from('aé€😀', e)])`,
  ),
  'from base64, as lenient as it is': buffer(
    `return ${BASE64}.flatMap((t) => ['base64', 'base64url'].map((e) => [...Buffer.from(t, e)]))`,
  ),
  'from hex that ends early': buffer(
    `return ['00ff', '0', 'zz', 'aabbzzcc', 'AbCd'].map((t) => [...Buffer.from(t, 'hex')])`,
  ),
  'to text in every encoding': buffer(
    `const b = Buffer.from([0, 97, 195, 169, 255, 254, 240, 159, 152, 128]); return ['utf8', 'ucs2', 'latin1', 'ascii', 'hex', 'base64', 'base64url'].map((e) => [b.toString(e), b.toString(e, 1, 5), b.toString(e, -3), b.toString(e, 3, 100)])`,
  ),
  'lengths in bytes': buffer(
    `return ['utf8', 'ucs2', 'latin1', 'hex', 'base64', 'base64url'].map((e) => ['aé€', 'YWJj', 'YQ==', ''].map((t) => Buffer.byteLength(t, e)))`,
  ),
  'encodings there are': buffer(
    `return ['utf8', 'UTF-8', 'base64url', 'hex', 'nope', '', null].map((e) => Buffer.isEncoding(e))`,
  ),
  writes: buffer(
    `const b = Buffer.alloc(12); return [b.write('héllo'), b.write('YWJj', 6, 'base64'), b.write('ff', 10, 1, 'hex'), [...b]]`,
  ),
  fills: buffer(
    `return [[...Buffer.alloc(5, 'ab')], [...Buffer.alloc(5, 'YQ==', 'base64')], [...Buffer.alloc(3).fill(257)]]`,
  ),
  'concat, compare, equals, indexOf, includes': buffer(
    `const a = Buffer.from('abc'); return [Buffer.concat([a, Buffer.from('d')]).toString(), Buffer.concat([a, a], 4).toString(), Buffer.compare(a, Buffer.from('abd')), a.equals(Buffer.from('abc')), a.indexOf('c'), a.indexOf(98), a.lastIndexOf('a'), a.includes('bc')]`,
  ),
  'numbers of every kind': buffer(
    `const b = Buffer.alloc(64); b.writeUInt8(1, 0); b.writeInt16BE(-2, 1); b.writeUInt32LE(4000000000, 3); b.writeDoubleBE(1.5, 7); b.writeFloatLE(0.5, 15); b.writeBigUInt64BE(12345678901234567890n, 19); b.writeBigInt64LE(-5n, 27); b.writeUIntBE(0x123456, 35, 3); b.writeIntLE(-70000, 38, 6); return [[...b], b.readInt16BE(1), b.readUint32LE(3), b.readDoubleBE(7), String(b.readBigUInt64BE(19)), b.readUIntBE(35, 3), b.readIntLE(38, 6)]`,
  ),
  'slices share memory': buffer(
    `const b = Buffer.from('hello'); const s = b.subarray(1, 3); s[0] = 120; return [b.toString(), s.toString(), Buffer.isBuffer(s), b.slice(-2).toString(), s instanceof Uint8Array]`,
  ),
  'over an ArrayBuffer': buffer(
    `const { buffer } = new Uint8Array([1, 2, 3, 4]); const b = Buffer.from(buffer, 1, 2); b[0] = 9; return [[...new Uint8Array(buffer)], b.length, b.byteOffset]`,
  ),
  'JSON and back': buffer(
    `return [JSON.stringify(Buffer.from('ab')), Buffer.from(JSON.parse(JSON.stringify(Buffer.from('ab')))).toString()]`,
  ),
  swaps: buffer(`return [[...Buffer.from([1, 2, 3, 4]).swap16()], [...Buffer.from([1, 2, 3, 4]).swap32()]]`),
  copies: buffer(
    `const t = Buffer.alloc(6); return [Buffer.from('abcdef').copy(t, 1, 2, 5), t.toString('latin1'), [...Buffer.copyBytesFrom(new Uint16Array([1, 2, 3]), 1, 1)], [...Buffer.of(1, 2)]]`,
  ),
  'what is no buffer': buffer(`try { Buffer.from(5) } catch (e) { return e.name }`),
  'isUtf8, isAscii, transcode': `const { isUtf8, isAscii, transcode, Buffer } = require('buffer'); return [isUtf8(Buffer.from('é')), isUtf8(Buffer.from([255])), isAscii(Buffer.from('a')), isAscii(Buffer.from('é')), transcode(Buffer.from('€é'), 'utf8', 'ascii').toString(), [...transcode(Buffer.from('é'), 'utf8', 'latin1')]]`,
  'the global is the module’s': `return [Buffer === require('buffer').Buffer, Buffer.from('x').toString('hex'), require('node:buffer').kMaxLength > 0]`,
  'string_decoder over chunks': `const { StringDecoder } = require('string_decoder'); const bytes = Buffer.from('aé€😀z'); return ['utf8', 'utf16le', 'base64', 'base64url', 'hex', 'latin1', 'ascii'].map((e) => { const source = e === 'utf16le' ? Buffer.from('a😀b', 'utf16le') : bytes; const d = new StringDecoder(e); const step = e === 'utf16le' ? 3 : 1; const parts = []; for (let i = 0; i < source.length; i += step) parts.push(d.write(source.subarray(i, i + step))); return [parts, d.end(), d.encoding] })`,
  'string_decoder of what is cut off': `const { StringDecoder } = require('string_decoder'); const d = new StringDecoder('utf8'); return [d.write(Buffer.from([0xe2, 0x82])), d.end(), d.write(Buffer.from([0x61])), d.end(Buffer.from([0xff]))]`,
  'string_decoder of no encoding': `new (require('string_decoder').StringDecoder)('nope')`,
});
