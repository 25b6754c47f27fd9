import assert from 'node:assert/strict';
import { test } from 'node:test';
import { svgOf } from '../../../src/cli/chart.ts';

const measured = { coldMs: 4, warmP50Ms: 0.2, warmP99Ms: 1, callsPerSecond: 20_000, functionMb: null };

test('a chart has a bar for each figure, as long as its share of the largest, and says what failed', () => {
  const svg = svgOf([
    { tier: 'isolate', workload: '<mine> & yours', measured, error: null },
    { tier: 'wasm', workload: '<mine> & yours', measured: { ...measured, coldMs: 2 }, error: null },
    { tier: 'container', workload: '<mine> & yours', measured: null, error: 'it answered 500, not 200' },
  ]);
  assert.equal(svg.match(/<rect /g)?.length, 8);
  assert.match(svg, /width="95\.0"/);
  assert.match(svg, /width="47\.5"/);
  assert.match(svg, /&lt;mine&gt; &amp; yours/);
  assert.match(svg, /failed: it answered 500/);
  assert.equal(svg.match(/not seen here/g)?.length, 2);
});
