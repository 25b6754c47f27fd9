import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { bareContext } from './bare.ts';

/** All that a pattern says of itself and of each input, as JSON; an error's name where there is one. */
const READER = `(input, base, inputs) => {
  const attempt = (read) => { try { return read(); } catch (error) { return error.name; } };
  const made = attempt(() => (base === null ? new URLPattern(input) : new URLPattern(input, base)));
  if (typeof made === 'string') return JSON.stringify(made);
  const parts = ['protocol', 'username', 'password', 'hostname', 'port', 'pathname', 'search', 'hash', 'hasRegExpGroups'];
  return JSON.stringify([parts.map((part) => made[part]), inputs.map((text) => [attempt(() => made.test(text)), attempt(() => made.exec(text))])]);
}`;
type Read = (input: unknown, base: string | null, inputs: readonly unknown[]) => string;

const PATTERNS: readonly [input: unknown, base?: string][] = [
  [{}],
  ['*'],
  [{ pathname: '/foo/bar' }],
  [{ pathname: '/foo/:bar' }],
  [{ pathname: '/foo/(.*)' }],
  [{ pathname: '/foo/:bar?' }],
  [{ pathname: '/foo/:bar+' }],
  [{ pathname: '/foo/:bar*' }],
  [{ pathname: '/foo/*' }],
  [{ pathname: '/foo{/bar}?' }],
  [{ pathname: String.raw`/:a(\d+)/:b` }],
  [{ pathname: '/café' }],
  [{ pathname: '/foo/(' }],
  [{ pathname: '/:' }],
  [{ pathname: '/(é)' }],
  [{ hostname: 'xn--caf-dma.com' }],
  [{ hostname: 'café.com' }],
  [{ protocol: 'http', port: '80' }],
  [{ search: 'q=*&v=?&hmm={}' }],
  ['https://example.com/:id'],
  ['https://*.example.com/foo/*'],
  ['https://example.com:8080/:x?q=:y#:z'],
  ['https://{sub.}?example.com/foo'],
  ['https://user:*@example.com/'],
  [String.raw`https://[\:\:1]/`],
  ['http{s}?://*/*'],
  ['(h)ttps://a/'],
  [String.raw`data\:foobar`],
  ['/foo/*', 'https://example.com'],
  [':id', 'https://example.com/a/b'],
  [{ pathname: 'foo/*' }, 'https://example.com/a/b'],
  [5],
];
const INPUTS = [
  'https://example.com/foo/bar',
  'https://example.com/foo',
  'https://example.com/foo/',
  'https://example.com/12/x',
  'https://sub.example.com/foo/bar',
  'https://example.com:8080/a?q=b#c',
  'http://café.com/café',
  'https://user:pw@example.com/',
  'https://[::1]/',
  'data:foobar',
  { pathname: '/foo/bar' },
  { pathname: '/foo/bar/baz' },
  { hostname: 'café.com' },
  { port: '80', protocol: 'http' },
  { search: 'q=1' },
];

suite('URLPattern', () => {
  const { run } = bareContext();
  const read = run(READER) as Read;
  // The test's own engine has it too.
  // oxlint-disable-next-line no-eval
  const expected = (0, eval)(READER) as Read;

  for (const [input, base = null] of PATTERNS) {
    test(`${JSON.stringify(input)} ${base ?? ''}`, () => {
      assert.deepEqual(JSON.parse(read(input, base, INPUTS)), JSON.parse(expected(input, base, INPUTS)));
    });
  }

  test('what is no URL matches nothing', () => {
    assert.equal(run(`new URLPattern().test('nonsense') || new URLPattern().exec('nonsense') !== null`), false);
  });

  test('its members are an interface’s', () => {
    assert.equal(run(`Object.prototype.toString.call(new URLPattern())`), '[object URLPattern]');
    assert.equal(run(`Object.keys(URLPattern.prototype).includes('exec')`), true);
    assert.throws(() => run(`structuredClone(new URLPattern())`), { name: 'DataCloneError' });
  });
});
