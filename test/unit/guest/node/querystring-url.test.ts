import { sameInBoth } from './both.ts';

const QUERIES = JSON.stringify(['', 'a=1', 'a=1&a=2&b', '=x', 'a=b=c', 'a%20b=c+d', '%E4%BD%A0=%zz', 'a=%F0%9F%98%80', '&&a&', '__proto__=1', 'a[]=1', '%', 'x=%ff%fe']);
const URLS = JSON.stringify([
  'http://user:pa%20ss@Example.COM:8080/p/a/t/h?query=string#hash',
  'https://a.b/',
  'https://a.b',
  'https://a.b?x=1',
  'http://a.b/c d',
  '/only/path?x#y',
  'relative/path',
  '?q',
  '#h',
  'mailto:a@b.c',
  'file:///etc/passwd',
  'javascript:alert(1)',
  'http://[::1]:80/x',
  '',
]);
const LINKS = JSON.stringify(['', 'g', './g', 'g/', '/g', '?y', 'g?y', '#s', 'g#s', '.', './', '..', '../', '../g', '../..', '../../g', 'http://other/x', '//host/x']);

await sameInBoth({
  'querystring parses': `const qs = require('querystring'); return ${QUERIES}.map((q) => Object.entries(qs.parse(q)))`,
  'querystring parses with other separators, and no more than it may': `const qs = require('querystring'); return [qs.parse('a:1;b:2', ';', ':'), qs.parse('a&b&c', null, null, { maxKeys: 2 })]`,
  'querystring writes': `const qs = require('querystring'); return [qs.stringify({ a: 1, b: [1, 'x y', true], c: null, d: undefined, e: {}, f: '你', g: 1n }), qs.stringify({ a: 1, b: 2 }, ';', ':'), qs.stringify('x')]`,
  'querystring escapes': `const qs = require('querystring'); return [qs.escape("a b!'()*~&=/"), qs.unescape('a%20b%zz'), qs.escape(5)]`,
  'url.parse': `const url = require('url'); return ${URLS}.map((u) => ({ ...url.parse(u) }))`,
  'url.parse with the query': `const { parse } = require('url'); const u = parse('/a?b=1&b=2', true); return [u.query.b, u.search, u.pathname]`,
  'url.format of parts': `const { format } = require('url'); return [format({ protocol: 'https', host: 'a.b', pathname: '/x', query: { a: 1 } }), format({ protocol: 'http:', hostname: 'h', port: 80, pathname: 'p', hash: 'h' }), format({ pathname: '/a?b' })]`,
  'url.format of a URL': `const { format } = require('url'); const u = new URL('https://u:p@a.b/c?d#e'); return [format(u), format(u, { auth: false, search: false, fragment: false })]`,
  'url.resolve': `const { resolve } = require('url'); return ${LINKS}.map((l) => resolve('http://a/b/c/d?q', l))`,
  'url.resolve of paths': `const { resolve } = require('url'); return [resolve('/one/two/three', 'four'), resolve('/one/two/three', '../four'), resolve('/one', '/two')]`,
  'paths and file URLs': `const { fileURLToPath, pathToFileURL } = require('url'); return [fileURLToPath('file:///a%20b/c'), pathToFileURL('/a b/#?%').href, pathToFileURL('/x/').href]`,
  'a URL that is of no file': `require('url').fileURLToPath('https://a.b')`,
  'url.domainToASCII': `const { domainToASCII } = require('url'); return [domainToASCII('español.com'), domainToASCII('xn--iñvalid.com')]`,
  'url.urlToHttpOptions': `const { urlToHttpOptions } = require('url'); const { hostname, path, port, auth, protocol } = urlToHttpOptions(new URL('https://a:b@[::1]:8443/x?y')); return { hostname, path, port, auth, protocol }`,
});
