import { sameInBoth } from './both.ts';

const storage = (body: string): string =>
  `const { AsyncLocalStorage, AsyncResource } = require('async_hooks'); const als = new AsyncLocalStorage(); ${body}`;

await sameInBoth({
  'a store survives every way to wait': storage(
    `const seen = []; const look = () => seen.push(als.getStore()); await als.run('s', async () => { look(); await null; look(); await new Promise((r) => setTimeout(r, 1)); look(); queueMicrotask(look); await Promise.all([1, 2].map(async () => { await 1; look() })); for await (const x of (async function* () { yield 1; look() })()) look(); process.nextTick(look); setTimeout(look, 1); await new Promise((r) => setTimeout(r, 5)); await { then(r) { look(); r() } }; look(); }); return [seen, als.getStore() === undefined]`,
  ),
  'a store is there in the then of what is awaited, returned and combined': storage(
    `const seen = []; const lazy = () => ({ then(resolve) { seen.push(als.getStore()); resolve(1) } }); class Query extends Promise { then(...args) { seen.push(als.getStore()); return super.then(...args) } } await als.run('s', async () => { await lazy(); await (async () => lazy())(); await Promise.all([lazy(), lazy()]); await Promise.resolve(lazy()); await Promise.resolve().then(() => lazy()); await new Query((r) => r()); await new Promise((r) => r(lazy())); const { promise, resolve } = Promise.withResolvers(); resolve(lazy()); await promise; for await (const x of (async function* () { yield lazy() })()) seen.push(x) }); return seen`,
  ),
  'stores of many runs do not mix': storage(
    `const run = (n) => als.run(n, async () => { for (let i = 0; i < 20; i++) { await new Promise((r) => setTimeout(r, n % 3)); if (als.getStore() !== n) return 'mixed'; await null; if (als.getStore() !== n) return 'mixed' } return als.getStore() }); return Promise.all(Array.from({ length: 10 }, (_, n) => run(n)))`,
  ),
  'runs within runs, exit and defaults': storage(
    `const other = new AsyncLocalStorage({ defaultValue: 'd' }); const seen = []; als.run(1, () => { seen.push(als.getStore()); als.run(2, () => seen.push(als.getStore())); als.exit(() => seen.push(als.getStore() === undefined)); other.run(3, () => seen.push([als.getStore(), other.getStore()])); seen.push(als.getStore(), other.getStore()) }); return seen`,
  ),
  'run gives back what it is given back, and what it throws': storage(
    `let said; try { als.run(1, () => { throw new Error('x') }) } catch (e) { said = [e.message, als.getStore() === undefined] } return [als.run(1, (a, b) => a + b, 2, 3), said]`,
  ),
  'enterWith lasts': storage(
    `const f = async () => { als.enterWith('e'); await 1; return als.getStore() }; return await f()`,
  ),
  'bind and snapshot': storage(
    `let bound, snap; als.run('x', () => { bound = AsyncLocalStorage.bind((a) => [als.getStore(), a]); snap = AsyncLocalStorage.snapshot() }); return [bound(1), snap((a) => [als.getStore(), a], 2), als.getStore() === undefined]`,
  ),
  AsyncResource: storage(
    `let res; als.run('r', () => { res = new AsyncResource('T') }); return [res.runInAsyncScope((a) => [als.getStore(), a], null, 1), res.bind(function () { return als.getStore() })(), AsyncResource.bind(() => 5)()]`,
  ),
  'an emitter’s listeners see the store of who emits': storage(
    `const EventEmitter = require('events'); const e = new EventEmitter(); let seen; als.run('listener', () => e.on('x', () => (seen = als.getStore()))); als.run('emitter', () => e.emit('x')); return seen`,
  ),
  diagnostics_channel: `const dc = require('diagnostics_channel'); const c = dc.channel('a'); const said = []; const hear = (m, n) => said.push([m, n]); c.publish(0); dc.subscribe('a', hear); c.publish(1); const had = [c.hasSubscribers, dc.hasSubscribers('a'), dc.hasSubscribers('b')]; dc.unsubscribe('a', hear); c.publish(2); return [said, had, c.hasSubscribers, dc.channel('a') === c, c.name]`,
  'diagnostics_channel with stores': `const dc = require('diagnostics_channel'); const { AsyncLocalStorage } = require('async_hooks'); const als = new AsyncLocalStorage(); const c = dc.channel('s'); c.bindStore(als, (m) => m.v * 2); return c.runStores({ v: 4 }, () => als.getStore())`,
  tracingChannel: `const dc = require('diagnostics_channel'); const t = dc.tracingChannel('t'); const said = []; t.subscribe(Object.fromEntries(['start', 'end', 'asyncStart', 'asyncEnd', 'error'].map((n) => [n, (m) => said.push(n, m.result, m.error?.message)]))); t.traceSync((a) => a + 1, {}, null, 1); await t.tracePromise(async () => 5, {}); try { t.traceSync(() => { throw new Error('bad') }) } catch {} await new Promise((r) => t.traceCallback((cb) => setTimeout(cb, 1, null, 'cb'), 0, {}, null, r)); return said`,
  'timers are objects': `const t = require('timers'); let n = 0; const a = t.setTimeout(() => n++, 1); const b = t.setTimeout(() => n++, 1).unref(); t.clearTimeout(b); const i = t.setInterval(() => n++, 1); await new Promise((r) => setTimeout(r, 20)); t.clearInterval(i); const before = n; await new Promise((r) => setTimeout(r, 10)); await new Promise((r) => t.setImmediate(r)); return [n === before, n > 2, a.hasRef(), b.hasRef(), typeof +a]`,
  'timers/promises': `const { setTimeout: wait, setInterval: every, setImmediate: now, scheduler } = require('timers/promises'); const c = new AbortController(); const p = wait(1000, 'x', { signal: c.signal }).catch((e) => [e.name, e.code]); c.abort(); let n = 0; for await (const v of every(1, 'v')) if (++n === 3) break; await scheduler.wait(1); return [await wait(1, 'a'), await p, n, await now('i'), require('timers').promises.setTimeout === wait]`,
  'setImmediate is a global': `return new Promise((r) => setImmediate(r, 5))`,
  process: `process.env.ADDED = 5; const order = []; process.nextTick((x) => order.push(x), 1); await new Promise((r) => setTimeout(r, 1)); return [process.env.ADDED, 'ADDED' in process.env, process.env.NOT === undefined, order, process.platform, typeof process.version, process.version === 'v' + process.versions.node, process.release.name, process.hrtime().length, typeof process.hrtime.bigint(), typeof process.uptime(), process.on('exit', () => 1) === process, require('process') === process, require('node:process').env === process.env, typeof process.cwd(), global === globalThis, String(process)]`,
  perf_hooks: `const { performance } = require('perf_hooks'); return [performance === globalThis.performance, typeof performance.now()]`,
});
