/** WSGI and ASGI applications as functions: by hand, and by the frameworks that people write them with. */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { DIST_PACKAGES, isInstalled, pythonAgents } from '../../../support/python-agent.ts';
import { RecordingSink } from '../../../support/calls.ts';

const agents = pythonAgents();

test('a WSGI application is given its environ', async () => {
  const sandbox = await agents.open(
    `
import json
from wsgiref.validate import validator
def inner(environ, start_response):
    body = environ['wsgi.input'].read(1000)
    shown = {k: v for k, v in environ.items() if isinstance(v, str)}
    shown['body'] = body.decode()
    print('an error', file=environ['wsgi.errors'])
    shown['id'] = environ['cordon.context'].invocation_id
    start_response('201 Made', [('Content-Type', 'application/json'), ('X-A', '1'), ('X-A', '2')])
    return [json.dumps(shown).encode()]
application = validator(inner)
`,
    { name: 'hello' },
  );
  const { status, headers, body } = await sandbox.call({
    id: 'inv',
    method: 'POST',
    url: 'https://acme.example.com:8443/fn/hello/a%20b/%C3%BC?x=1&y=%20',
    headers: [
      'Host',
      'acme.example.com:8443',
      'X-B',
      '1',
      'x-b',
      '2',
      'cookie',
      'a=1',
      'cookie',
      'b=2',
      'x_b',
      'spoofed',
      'content-type',
      'text/plain',
      'content-length',
      '4',
    ],
    body: Buffer.from('body'),
  });
  assert.deepEqual([status, headers], [201, ['Content-Type', 'application/json', 'X-A', '1', 'X-A', '2']]);
  const environ = JSON.parse(body) as Record<string, unknown>;
  assert.deepEqual(environ, {
    REQUEST_METHOD: 'POST',
    SCRIPT_NAME: '/fn/hello',
    PATH_INFO: '/a b/Ã¼',
    QUERY_STRING: 'x=1&y=%20',
    SERVER_NAME: 'acme.example.com',
    SERVER_PORT: '8443',
    SERVER_PROTOCOL: 'HTTP/1.1',
    REMOTE_ADDR: '127.0.0.1',
    HTTP_HOST: 'acme.example.com:8443',
    HTTP_X_B: '1,2',
    HTTP_COOKIE: 'a=1; b=2',
    CONTENT_TYPE: 'text/plain',
    CONTENT_LENGTH: '4',
    'wsgi.url_scheme': 'https',
    body: 'body',
    id: 'inv',
  });
  assert.deepEqual(
    sandbox.agent.logs.map(({ entry: { level, message } }) => `${level}: ${message}`),
    ['error: an error'],
  );
});

test('what a WSGI application does wrong is a fault', async () => {
  const sandbox = await agents.open(`
class Body:
    def __init__(self, parts): self.parts = parts
    def __iter__(self): return iter(self.parts)
    def close(self): print('closed')
def app(environ, start_response):
    kind = environ['QUERY_STRING']
    if kind == 'nothing': return [b'x']
    if kind == 'status': start_response('wrong', []); return [b'x']
    if kind == 'twice': start_response('200 OK', []); start_response('200 OK', []); return []
    if kind == 'text': start_response('200 OK', []); return Body(['text'])
    if kind == 'header': start_response('200 OK', [('a\\n', 'b')]); return Body([b'x'])
    if kind == 'late':
        start_response('200 OK', [])
        try: 1 / 0
        except Exception:
            import sys
            start_response('500 Oh', [], sys.exc_info())
        return Body([b'error page'])
    start_response('200 OK', [])
    return Body([])`);
  const of = (kind: string): Promise<string> =>
    sandbox.fault({ url: `/?${kind}` }).then(({ code, message }) => `${code}: ${message}`);
  assert.match(await of('nothing'), /BAD_RESPONSE: The application did not call start_response/);
  assert.match(await of('status'), /BAD_RESPONSE: The application answered with the status 'wrong'/);
  assert.match(await of('twice'), /HANDLER_THREW: AssertionError: start_response\(\) was called twice/);
  assert.match(await of('text'), /BAD_RESPONSE: The application's body gave an object of the type str, not bytes/);
  assert.match(await of('header'), /BAD_RESPONSE: .* is not a name/);
  assert.deepEqual(await sandbox.call({ url: '/?late' }), { status: 500, headers: [], body: 'error page' });
  assert.deepEqual(await sandbox.call(), { status: 200, headers: [], body: '' });
  assert.equal(sandbox.agent.logs.filter(({ entry }) => entry.message === 'closed').length, 4);
});

test('a response whose length is known and there is one frame, whatever iterates over it', async () => {
  const sandbox = await agents.open(`
class Body:
    def __init__(self, parts): self.parts = parts
    def __iter__(self): return iter(self.parts)
    def close(self): print('closed')
def app(environ, start_response):
    known = environ['QUERY_STRING'] == 'known'
    start_response('200 OK', [('Content-Length', '4')] if known else [])
    return Body([b'four'])`);
  const of = async (kind: string): Promise<RecordingSink> => {
    const sink = sandbox.start({ url: `/?${kind}` });
    await sink.outcome;
    return sink;
  };
  const known = await of('known');
  assert.deepEqual([known.outcomes, known.text, known.logs], [['complete'], 'four', ['closed']]);
  const unknown = await of('unknown');
  assert.deepEqual([unknown.outcomes, unknown.text], [['end'], 'four']);
});

test('an ASGI application is given its scope, and its lifespan is told', async () => {
  const sandbox = await agents.open(
    `
import asyncio, json
started = []
async def app(scope, receive, send):
    if scope['type'] == 'lifespan':
        assert (await receive())['type'] == 'lifespan.startup'
        started.append(1)
        scope['state']['pool'] = 'made'
        await send({'type': 'lifespan.startup.complete'})
        assert (await receive())['type'] == 'lifespan.shutdown'
        print('shut down')
        await send({'type': 'lifespan.shutdown.complete'})
        return
    message = await receive()
    shown = {k: v for k, v in scope.items() if isinstance(v, (str, dict, list, tuple)) and k not in ('headers', 'raw_path')}
    shown['headers'] = [[a.decode(), b.decode()] for a, b in scope['headers']]
    shown['bytes'] = [scope['raw_path'].decode(), scope['query_string'].decode()]
    shown['message'] = [message['body'].decode(), message['more_body']]
    shown['started'] = len(started)
    await send({'type': 'http.response.start', 'status': 200, 'headers': [(b'x-a', b'1')]})
    await send({'type': 'http.response.body', 'body': json.dumps(shown).encode()})
    assert (await receive())['type'] == 'http.disconnect'
`,
    { name: 'hello' },
  );
  for (const started of [1, 1]) {
    const { status, headers, body } = await sandbox.call({
      method: 'PUT',
      url: 'http://localhost:3003/hello@3/a%20b?x=1',
      headers: ['X-B', 'c'],
      body: Buffer.from('body'),
    });
    assert.deepEqual([status, headers], [200, ['x-a', '1']]);
    assert.deepEqual(JSON.parse(body), {
      type: 'http',
      asgi: { version: '3.0', spec_version: '2.3' },
      http_version: '1.1',
      method: 'PUT',
      scheme: 'http',
      path: '/a b',
      root_path: '/hello@3',
      client: ['127.0.0.1', 0],
      server: ['localhost', 3003],
      state: { pool: 'made' },
      extensions: {},
      headers: [['x-b', 'c']],
      bytes: ['/a%20b', 'x=1'],
      message: ['body', false],
      started,
    } as object);
  }
  sandbox.sandbox.close();
  await sandbox.agent.log(({ message }) => message === 'shut down');
});

test('an application that does not start is not called', async () => {
  const sandbox = await agents.open(`
async def app(scope, receive, send):
    await receive()
    await send({'type': 'lifespan.startup.failed', 'message': 'no database'})`);
  const fault = await sandbox.fault();
  assert.deepEqual([fault.code, fault.message], ['LOAD_FAILED', 'The application did not start: no database']);
});

test('what an ASGI application does wrong is a fault, and a WebSocket is refused', async () => {
  const sandbox = await agents.open(`
async def app(scope, receive, send):
    assert scope['type'] == 'http'
    kind = scope['query_string'].decode()
    if kind == 'body': await send({'type': 'http.response.body', 'body': b''})
    if kind == 'status': await send({'type': 'http.response.start', 'status': 'x'})
    if kind == 'text':
        await send({'type': 'http.response.start', 'status': 200})
        await send({'type': 'http.response.body', 'body': 'text'})
    if kind == 'raise': raise KeyError('mine')
    if kind == 'half':
        await send({'type': 'http.response.start', 'status': 200})
        await send({'type': 'http.response.body', 'body': b'x', 'more_body': True})`);
  const of = (kind: string): Promise<string> =>
    sandbox.fault({ url: `/?${kind}` }).then(({ code, message }) => `${code}: ${message}`);
  assert.match(await of('body'), /BAD_RESPONSE: The application sent 'http.response.body' where it does not belong/);
  assert.match(await of('status'), /BAD_RESPONSE: The application answered with the status 'x'/);
  assert.match(await of('text'), /BAD_RESPONSE: The application's body is an object of the type str, not bytes/);
  assert.equal(await of('raise'), `HANDLER_THREW: KeyError: 'mine'`);
  assert.match(await of('half'), /BAD_RESPONSE: The application returned before its response was complete/);
  assert.match(await of('silent'), /BAD_RESPONSE/);
  const refused = await sandbox.call({ headers: ['Upgrade', 'websocket', 'Connection', 'Upgrade'] });
  assert.deepEqual([refused.status, refused.body], [501, 'There are no WebSockets for Python functions']);
});

test('a Flask application runs', { skip: !isInstalled('flask') && 'python3-flask is not installed' }, async () => {
  const sandbox = await agents.open(
    `
import sys
sys.path.append(${JSON.stringify(DIST_PACKAGES)})
from flask import Flask, request, url_for, Response, stream_with_context
app = Flask(__name__)
@app.get('/')
def home(): return {'at': url_for('user', id=7)}
@app.post('/users/<int:id>')
def user(id): return f"{id} {request.json['name']} {request.args['q']}", 201, {'X-A': 'b'}
@app.post('/upload')
def upload(): return str(len(request.get_data()))
@app.get('/stream')
def stream(): return Response(stream_with_context(str(n) for n in range(5)), mimetype='text/plain')
@app.get('/fail')
def fail(): raise ValueError('mine')
`,
    { name: 'site', handlerName: 'app' },
  );
  const home = await sandbox.call({ url: 'http://localhost/fn/site/' });
  assert.deepEqual(JSON.parse(home.body), { at: '/fn/site/users/7' });
  const user = await sandbox.call({
    method: 'POST',
    url: 'http://localhost/fn/site/users/7?q=a',
    headers: ['content-type', 'application/json'],
    body: Buffer.from('{"name":"ann"}'),
  });
  assert.deepEqual([user.status, user.body, user.headers.includes('X-A')], [201, '7 ann a', true]);
  assert.equal((await sandbox.call({ url: 'http://localhost/fn/site/stream' })).body, '01234');
  assert.equal((await sandbox.call({ url: 'http://localhost/fn/site/none' })).status, 404);
  const headers = ['content-length', '500000'];
  const upload = { method: 'POST', url: 'http://localhost/fn/site/upload', headers, body: Buffer.alloc(500_000, 'x') };
  assert.equal((await sandbox.call(upload)).body, '500000');
  const sink = new RecordingSink();
  sandbox.start({ url: 'http://localhost/fn/site/fail' }, sink);
  await sink.outcome;
  assert.equal(sink.status, 500);
  assert.match(sink.logs.join('\n'), /Exception on \/fail \[GET\]\nTraceback[^]+ValueError: mine/);
});

test(
  'a FastAPI application runs',
  { skip: !isInstalled('fastapi') && 'python3-fastapi is not installed' },
  async () => {
    const sandbox = await agents.open(
      `
import sys
sys.path.append(${JSON.stringify(DIST_PACKAGES)})
from fastapi import FastAPI, Request
from fastapi.responses import StreamingResponse
from pydantic import BaseModel
from cordon import ctx
app = FastAPI()
class Item(BaseModel):
    name: str
@app.on_event('startup')
async def start(): app.state.started = True
@app.get('/')
async def home(request: Request): return {'started': app.state.started, 'url': str(request.url_for('put', id=3)), 'id': ctx.invocation_id}
@app.put('/items/{id}')
def put(id: int, item: Item): return {'id': id, 'name': item.name, 'invocation': ctx.invocation_id}
@app.get('/stream')
async def stream():
    async def parts():
        for n in range(5): yield str(n)
    return StreamingResponse(parts(), media_type='text/plain')
`,
      { name: 'api' },
    );
    const home = await sandbox.call({ id: 'first', url: 'http://localhost/fn/api/', headers: ['host', 'localhost'] });
    assert.deepEqual(JSON.parse(home.body), { started: true, url: 'http://localhost/fn/api/items/3', id: 'first' });
    const put = (body: string): Promise<{ status: number; body: string }> =>
      sandbox.call({
        id: `put-${body.length}`,
        method: 'PUT',
        url: 'http://localhost/fn/api/items/3',
        headers: ['content-type', 'application/json'],
        body: Buffer.from(body),
      });
    assert.deepEqual(JSON.parse((await put('{"name":"ann"}')).body), { id: 3, name: 'ann', invocation: 'put-14' });
    assert.equal((await put('{}')).status, 422);
    assert.equal((await sandbox.call({ url: 'http://localhost/fn/api/stream' })).body, '01234');
    assert.equal((await sandbox.call({ url: 'http://localhost/fn/api/nothing' })).status, 404);
    assert.deepEqual(sandbox.agent.broken, []);
  },
);
