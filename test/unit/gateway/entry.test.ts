import assert from 'node:assert/strict';
import { test } from 'node:test';
import { FN, FUNCTIONS_V1, targetOf } from '../../../src/gateway/entry.ts';

test('below /fn a function sees the path as it was sent', () => {
  for (const url of ['/fn/hello', '/fn/hello/', '/fn/hello/a/b?c=d@e', '/fn/hello?x=@3'])
    assert.deepEqual(targetOf(url, FN), { name: 'hello', label: null, shownUrl: url });
});

test('below /functions/v1 a function sees its name first, as Supabase’s do', () => {
  const shown = {
    '/functions/v1/hello': '/hello',
    '/functions/v1/hello/': '/hello/',
    '/functions/v1/hello/a/b?c=d': '/hello/a/b?c=d',
    '/functions/v1/hello?c=d': '/hello?c=d',
  };
  for (const [url, shownUrl] of Object.entries(shown))
    assert.deepEqual(targetOf(url, FUNCTIONS_V1), { name: 'hello', label: null, shownUrl });
});

test('a label names a version, and the function does not see it', () => {
  assert.deepEqual(targetOf('/fn/hello@3/a?b', FN), { name: 'hello', label: '3', shownUrl: '/fn/hello/a?b' });
  assert.deepEqual(targetOf('/functions/v1/hello@next', FUNCTIONS_V1), {
    name: 'hello',
    label: 'next',
    shownUrl: '/hello',
  });
  assert.deepEqual(targetOf('/fn/hello@', FN), { name: 'hello', label: '', shownUrl: '/fn/hello' });
  assert.deepEqual(targetOf('/fn/hello@a@b', FN), { name: 'hello', label: 'a@b', shownUrl: '/fn/hello' });
});

test('no name is the empty one', () => {
  assert.equal(targetOf('/fn/', FN).name, '');
  assert.equal(targetOf('/fn/@3', FN).name, '');
});
