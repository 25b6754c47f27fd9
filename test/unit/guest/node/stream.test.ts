import { sameInBoth } from './both.ts';

const stream = (body: string): string =>
  `const { Readable, Writable, Duplex, Transform, PassThrough, Stream, pipeline, finished, addAbortSignal } = require('stream');
   const promises = require('stream/promises'); const said = []; const say = (...args) => said.push(args.join(' '));
   const tick = () => new Promise((resolve) => setTimeout(resolve, 2));
   const upper = () => new Transform({ transform(chunk, encoding, callback) { callback(null, String(chunk).toUpperCase()) } });
   const sink = (options) => new Writable({ write(chunk, encoding, callback) { say('write', chunk); setTimeout(callback, 1) }, ...options });
   const watch = (s, ...names) => { for (const name of names) s.on(name, (arg) => say(name, arg instanceof Error ? arg.message : '')); return s };
   ${body}`;

await sameInBoth({
  'reads what was pushed, by data events': stream(
    `const r = watch(new Readable({ read() {} }), 'end', 'close'); r.on('data', (c) => say('data', c)); r.push('a'); r.push(Buffer.from('b')); r.push(null); await tick(); return [said, r.readableEnded, r.destroyed, r.closed]`,
  ),
  'reads by readable and read(n)': stream(
    `const r = new Readable({ read() {} }); r.push('hello'); r.push('world'); r.push(null); await new Promise((x) => r.once('readable', x)); const parts = []; let c; while ((c = r.read(3)) !== null) parts.push(String(c)); await tick(); return [parts, r.readableLength, r.read()]`,
  ),
  'asks for as much as fits below the mark': stream(
    `let asked = 0; const r = new Readable({ highWaterMark: 4, read(n) { asked++; this.push(asked > 5 ? null : 'xx') } }); r.read(0); await tick(); return [asked, r.readableLength, r.readableHighWaterMark]`,
  ),
  'an async iterator': stream(
    `const r = Readable.from(['a', 'b', Promise.resolve('c')]); const got = []; for await (const c of r) got.push(c); return [got, r.destroyed]`,
  ),
  'an async iterator that is left early destroys the stream': stream(
    `const r = watch(new Readable({ objectMode: true, read() { this.push(1) } }), 'close', 'error'); for await (const c of r) { say(c); break } await tick(); return [said, r.destroyed]`,
  ),
  'an async iterator throws the stream’s error': stream(
    `const r = new Readable({ read() { this.destroy(new Error('broken')) } }); try { for await (const c of r); } catch (e) { return e.message }`,
  ),
  'object mode and setEncoding': stream(
    `const o = new Readable({ objectMode: true, read() {} }); o.push({ a: 1 }); o.push(0); o.push(null); const objects = []; for await (const x of o) objects.push(x); const t = new Readable({ read() {} }); t.setEncoding('utf8'); t.push(Buffer.from([0xe2, 0x82])); t.push(Buffer.from([0xac])); t.push(null); let text = ''; for await (const x of t) text += x; return [objects, text]`,
  ),
  'pause and resume': stream(
    `const r = watch(new Readable({ read() {} }), 'pause', 'resume'); r.on('data', (c) => { say(c); r.pause(); setTimeout(() => r.resume(), 1) }); r.push('a'); r.push('b'); r.push(null); await promises.finished(r); return [said, r.isPaused()]`,
  ),
  'unshift puts back': stream(
    `const r = new Readable({ read() {} }); r.push('cd'); r.push(null); await new Promise((x) => r.once('readable', x)); r.unshift('ab'); return [String(r.read(1)), String(r.read())]`,
  ),
  'push after the end': stream(
    `const r = watch(new Readable({ read() {} }), 'error', 'close'); r.push(null); r.push('x'); await tick(); return said`,
  ),
  'what is no chunk': stream(
    `const r = watch(new Readable({ read() {} }), 'error'); r.push(5); await tick(); return said.length`,
  ),
  'no _read': stream(`const r = watch(new Readable(), 'error'); r.read(); await tick(); return said`),
  'writes one after another, then finishes': stream(
    `const w = watch(sink(), 'finish', 'close'); w.write('a', () => say('a done')); w.write('b'); w.end('c', () => say('ended')); await new Promise((x) => w.on('close', x)); return [said, w.writableEnded, w.writableFinished]`,
  ),
  'write says when to wait, and drain when not to': stream(
    `const w = watch(sink({ highWaterMark: 3 }), 'drain'); const said1 = [w.write('a'), w.write('bc'), w.writableNeedDrain, w.writableLength]; await new Promise((x) => w.once('drain', x)); return [said1, said, w.writableNeedDrain]`,
  ),
  'writev takes what waits': stream(
    `const w = new Writable({ writev(chunks, callback) { say(chunks.map(({ chunk, encoding }) => encoding + ':' + chunk).join()); setTimeout(callback, 1) } }); w.write('a'); w.write('b'); w.write('c'); w.end(); await promises.finished(w); return said`,
  ),
  'cork and uncork': stream(
    `const w = sink(); w.cork(); w.write('a'); w.write('b'); await tick(); const before = said.length; w.uncork(); await tick(); await tick(); return [before, said]`,
  ),
  'final is awaited': stream(
    `const w = watch(new Writable({ write(c, e, cb) { cb() }, final(cb) { say('final'); setTimeout(cb, 1) } }), 'finish', 'prefinish'); w.end('x'); await promises.finished(w); return said`,
  ),
  'an error of write': stream(
    `const w = watch(new Writable({ write(c, e, cb) { cb(new Error('full')) } }), 'error', 'close', 'finish'); w.write('a', (e) => say('callback', e.message)); await tick(); return [said, w.destroyed, w.errored.message]`,
  ),
  'write after end': stream(
    `const w = watch(sink(), 'error'); w.end(); w.write('x', (e) => say('callback', e.code)); await tick(); return said`,
  ),
  'write after destroy': stream(
    `const w = watch(sink(), 'error', 'close'); w.destroy(); w.write('x', (e) => say('callback', e.code)); await tick(); return said`,
  ),
  'write of null': stream(`sink().write(null)`),
  'write of what is no chunk': stream(`try { sink().write(5) } catch (e) { return e.code }`),
  decodeStrings: stream(
    `const w = new Writable({ decodeStrings: false, write(c, e, cb) { say(typeof c, e); cb() } }); w.write('ab', 'latin1'); w.end(); await tick(); return said`,
  ),
  'destroy runs once, and tells': stream(
    `const r = watch(new Readable({ read() {}, destroy(error, callback) { say('destroying', error.message); callback(error) } }), 'error', 'close'); r.destroy(new Error('a')); r.destroy(new Error('b')); await tick(); return [said, r.destroyed, r.errored.message]`,
  ),
  'pipe moves all, and ends': stream(
    `const r = Readable.from(['a', 'b']); const w = watch(sink(), 'finish', 'pipe', 'unpipe'); const same = r.pipe(upper()).pipe(w) === w; await promises.finished(w); return [said, same]`,
  ),
  'pipe waits for drain': stream(
    `let pushed = 0; const r = new Readable({ highWaterMark: 1, read() { this.push(pushed++ < 20 ? 'x' : null) } }); let most = 0; const w = new Writable({ highWaterMark: 2, write(c, e, cb) { most = Math.max(most, w.writableLength); setTimeout(cb, 0) } }); r.pipe(w); await promises.finished(w); return [most <= 3, pushed]`,
  ),
  'pipe without end, and unpipe': stream(
    `const r = new Readable({ read() {} }); const w = sink(); r.pipe(w, { end: false }); r.push('a'); await tick(); r.unpipe(w); r.push('b'); r.push(null); await tick(); return [said, w.writableEnded]`,
  ),
  'two destinations': stream(
    `const r = Readable.from(['a', 'b']); const got = [[], []]; const ends = got.map((list) => { const w = new Writable({ objectMode: true, write(c, e, cb) { list.push(c); setTimeout(cb, list === got[0] ? 2 : 0) } }); r.pipe(w); return promises.finished(w) }); await Promise.all(ends); return got`,
  ),
  'a transform with flush': stream(
    `const t = new Transform({ transform(c, e, cb) { this.push(c); cb(null, '-') }, flush(cb) { cb(null, 'end') } }); t.end('a'); let text = ''; for await (const c of t) text += c; return text`,
  ),
  'a transform that fails': stream(
    `const t = watch(new Transform({ transform(c, e, cb) { cb(new Error('bad')) } }), 'error', 'close'); t.write('x'); await tick(); return [said, t.destroyed]`,
  ),
  'a transform holds back': stream(
    `const t = new PassThrough({ highWaterMark: 2 }); const wrote = [t.write('aa'), t.write('bb'), t.write('cc')]; await tick(); const held = [t.readableLength, t.writableLength]; t.end(); let text = ''; for await (const c of t) text += c; return [wrote, text]`,
  ),
  'a duplex has two sides': stream(
    `const d = new Duplex({ read() { this.push('r'); this.push(null) }, write(c, e, cb) { say('wrote', c); cb() } }); d.end('w'); let text = ''; for await (const c of d) text += c; await tick(); return [text, said, d.readableEnded, d.writableFinished, d.allowHalfOpen]`,
  ),
  'a duplex without half-open ends': stream(
    `const d = watch(new Duplex({ allowHalfOpen: false, read() { this.push(null) }, write(c, e, cb) { cb() } }), 'end', 'finish', 'close'); d.resume(); await tick(); return said`,
  ),
  'pipeline with a callback': stream(
    `return new Promise((resolve) => pipeline(Readable.from(['a', 'b']), upper(), sink(), (error) => resolve([said, error === undefined])))`,
  ),
  'pipeline as a promise, with generators': stream(
    `const out = []; await promises.pipeline(['a', 'b'], async function* (source) { for await (const c of source) yield c + '!' }, async (source) => { for await (const c of source) out.push(c) }); return out`,
  ),
  'pipeline destroys all when one fails': stream(
    `const r = new Readable({ read() { this.push('x') } }); const t = new Transform({ transform(c, e, cb) { cb(new Error('middle')) } }); const w = sink(); const error = await promises.pipeline(r, t, w).catch((e) => e.message); await tick(); return [error, r.destroyed, t.destroyed, w.destroyed]`,
  ),
  'pipeline that is aborted': stream(
    `const c = new AbortController(); const r = new Readable({ read() {} }); const p = promises.pipeline(r, sink(), { signal: c.signal }).catch((e) => [e.name, e.code]); c.abort(); return [await p, r.destroyed]`,
  ),
  'finished of what closes early': stream(
    `const r = new Readable({ read() {} }); const p = promises.finished(r).catch((e) => e.code); r.destroy(); return p`,
  ),
  'finished of what is over': stream(
    `const r = Readable.from([]); r.resume(); await tick(); return (await promises.finished(r)) === undefined`,
  ),
  addAbortSignal: stream(
    `const c = new AbortController(); const r = watch(addAbortSignal(c.signal, new Readable({ read() {} })), 'error', 'close'); c.abort(); await tick(); return said`,
  ),
  'from text, bytes, generators and what fails': stream(
    `const all = async (r) => { const got = []; for await (const c of r) got.push(String(c)); return got }; return [await all(Readable.from('text')), await all(Readable.from(Buffer.from('bytes'))), await all(Readable.from((function* () { yield 1; yield 2 })())), await all(Readable.from((async function* () { throw new Error('gen') })())).catch((e) => e.message)]`,
  ),
  'from what is left early runs its finally': stream(
    `const r = Readable.from((function* () { try { yield 1; yield 2 } finally { say('finally') } })()); for await (const c of r) break; await tick(); return said`,
  ),
  'old classes call and inherit': `const { Readable, Transform } = require('stream'); const util = require('util'); function Old() { Readable.call(this, { objectMode: true }) } util.inherits(Old, Readable); Old.prototype._read = function () { this.push(this.n ? null : (this.n = 1)) }; const got = []; for await (const c of new Old()) got.push(c); return [got, Transform({ transform(c, e, cb) { cb() } }) instanceof Transform, new Old() instanceof require('stream')]`,
  'classes extend': `const { Transform, Readable, Stream } = require('stream'); class Double extends Transform { _transform(c, e, cb) { cb(null, c + c) } } const d = new Double(); d.end('ab'); let text = ''; for await (const c of d) text += c; return [text, d instanceof Readable, d instanceof Stream, d instanceof require('events')]`,
  'the module is the class, with all on it': `const Stream = require('stream'); return [typeof Stream, Stream.Stream === Stream, Object.keys(Stream).includes('pipeline'), Stream.promises === require('stream/promises'), Stream.Readable.from !== undefined, Stream.isReadable(Stream.Readable.from([]))]`,
  'to and from the web': stream(
    `const web = Readable.toWeb(Readable.from([Buffer.from('a'), Buffer.from('b')], { objectMode: false })); let text = ''; for await (const c of Readable.fromWeb(web)) text += c; const got = []; const w = Writable.fromWeb(new WritableStream({ write(c) { got.push(String(c)) }, close() { got.push('closed') } })); w.write('x'); w.end('y'); await promises.finished(w); return [text, got]`,
  ),
  consumers: `const c = require('stream/consumers'); const { Readable } = require('stream'); const r = (t) => Readable.from([Buffer.from(t)]); return [await c.text(r('é')), await c.json(r('{"a":1}')), (await c.buffer(r('ab'))).toString('hex'), (await c.arrayBuffer(r('abc'))).byteLength, await c.text(new Response('web').body)]`,
});
