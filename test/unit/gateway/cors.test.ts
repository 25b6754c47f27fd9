import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { CorsRule } from '../../../src/core/function.ts';
import { corsHeaders } from '../../../src/gateway/cors.ts';

const rule = (change: Partial<CorsRule>): CorsRule => ({
  origins: [],
  methods: ['GET'],
  headers: [],
  credentials: false,
  maxAgeSeconds: 1,
  ...change,
});

test('an origin that is named is allowed by its name, and no other is', () => {
  const named = rule({ origins: ['https://a.example'] });
  assert.deepEqual(corsHeaders(named, 'https://a.example'), [
    'access-control-allow-origin',
    'https://a.example',
    'vary',
    'origin',
  ]);
  for (const other of [undefined, 'null', '*', 'https://a.example.evil', 'https://A.example', 'http://a.example'])
    assert.deepEqual(corsHeaders(named, other), ['vary', 'origin'], String(other));
});

test('a star allows everybody, but never with credentials', () => {
  assert.deepEqual(corsHeaders(rule({ origins: ['*'], credentials: true }), 'https://a.example'), [
    'access-control-allow-origin',
    '*',
  ]);
});
