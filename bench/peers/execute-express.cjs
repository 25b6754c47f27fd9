// POST /execute as it is usually built, and as the service that Cordon's /execute is modelled on describes itself:
// express and isolated-vm in one process, a new isolate for each call, and nothing around it. No OS wall, no web API
// but `console`, `env`, `fetch` and `URL`, and a time limit and memory limit that hostile code gets past.
'use strict';

const express = require('express');
const ivm = require('isolated-vm');

const GLOBALS = `
  for (const level of ['log', 'info', 'warn', 'error']) {
    (globalThis.console ??= {})[level] = (...args) => hostLog(level, args.map(String).join(' '));
  }
  globalThis.fetch = (url, init) =>
    hostFetch.apply(undefined, [String(url), init], { arguments: { copy: true }, result: { promise: true, copy: true } });
  globalThis.URL = class URL {
    constructor(url, base) { Object.assign(this, hostUrl(String(url), base === undefined ? undefined : String(base))); }
    toString() { return this.href; }
  };
`;

const app = express();
app.use(express.json({ limit: '1mb' }));
app.use((req, _res, next) => {
  console.log(`${req.method} ${req.path}`);
  next();
});
app.get('/health', (_req, res) => res.json({ status: 'healthy', timestamp: new Date().toISOString() }));
app.post('/execute', (req, res) => void answer(req, res));

const server = app.listen(Number(process.env.PORT ?? 3003), '127.0.0.1', () => {
  console.log(`http://127.0.0.1:${server.address().port}`);
});

async function answer(req, res) {
  const startedMs = Date.now();
  try {
    const result = await execute(req.body);
    res.json({ success: true, result, duration: Date.now() - startedMs });
  } catch (error) {
    console.error(`Execution error: ${error.message}`);
    res.json({ success: false, error: error.message, stack: error.stack, duration: Date.now() - startedMs });
  }
}

async function execute({ code, handler = 'handler', request = {}, envVars = {}, timeout = 10_000, memory = 128 }) {
  const isolate = new ivm.Isolate({ memoryLimit: memory });
  try {
    const context = await isolate.createContext();
    const { global } = context;
    await Promise.all([
      global.set('hostLog', new ivm.Callback((level, text) => console.log(`[Function] ${level}: ${text}`))),
      global.set('hostFetch', new ivm.Reference(fetchText)),
      global.set('hostUrl', new ivm.Callback(partsOf)),
      global.set('env', envVars, { copy: true }),
      global.set('request', withDefaults(request), { copy: true }),
    ]);
    await context.eval(GLOBALS);
    const script = await isolate.compileScript(asScript(code, handler));
    const result = await withTimeout(script.run(context, { promise: true, copy: true, timeout }), timeout);
    return { statusCode: result?.statusCode ?? 200, headers: result?.headers ?? {}, body: result?.body ?? '' };
  } finally {
    isolate.dispose();
  }
}

/** A script can't export: what the module would export becomes properties of an object. */
function asScript(code, handler) {
  const body = code
    .replace(/^(\s*)export\s+default\s+/gm, '$1exports.default = ')
    .replace(/^(\s*)export\s+(?:const|let|var)\s+(\w+)\s*=/gm, '$1const $2 = exports.$2 =')
    .replace(/^(\s*)export\s+((?:async\s+)?function\*?\s+(\w+))/gm, '$1exports.$3 = $2');
  return `(async () => {
    const exports = {};
    ${body};
    const handler = exports[${JSON.stringify(handler)}] ?? exports.default;
    if (typeof handler !== 'function') throw new Error('No handler is exported');
    return handler(request);
  })()`;
}

function withDefaults({ method = 'GET', url = '/', headers = {}, body = '', query = {} }) {
  return { method, url, headers, body, query };
}

async function fetchText(url, init) {
  const response = await fetch(url, init);
  return { status: response.status, headers: Object.fromEntries(response.headers), text: await response.text() };
}

function partsOf(url, base) {
  const { href, origin, protocol, host, hostname, port, pathname, search, hash } = new URL(url, base);
  return { href, origin, protocol, host, hostname, port, pathname, search, hash };
}

async function withTimeout(promise, timeoutMs) {
  let timer;
  const late = new Promise((_resolve, reject) => {
    timer = setTimeout(() => reject(new Error(`Execution timed out after ${timeoutMs / 1000}s`)), timeoutMs);
  });
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}
