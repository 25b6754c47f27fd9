/** Code that runs twice: in Node, and in a real sandbox with our versions of Node's modules. */

import assert from 'node:assert/strict';
import { createRequire } from 'node:module';
import { test } from 'node:test';
import type { Artifact } from '../../../../src/core/function.ts';
import { findWall } from '../../../support/builder.ts';
import { makeVersion } from '../../../support/calls.ts';
import { startIsolateTier } from '../../../support/isolate-tier.ts';
import type { TierUnderTest } from '../../../support/walled-tier.ts';
import { OpenSandbox } from '../../../support/sandbox.ts';

/** Function bodies by what they show: they may `require` and `await`, and return what JSON can hold. */
export type Snippets = Readonly<Record<string, string>>;

const AsyncFunction = (async () => undefined).constructor as new (
  ...parts: string[]
) => (require: NodeJS.Require) => Promise<unknown>;

/** How a snippet ends, as JSON: by its value, or by what it throws. */
const ENDING = `
  (value) => JSON.stringify({ value }),
  (error) => JSON.stringify({ threw: { name: error?.name, code: error?.code, message: error?.message } })`;

export async function startTier(): Promise<TierUnderTest> {
  return startIsolateTier((await findWall('bwrap')) === null ? 'unshare' : 'bwrap');
}

/** What one function in a sandbox answers to requests for these paths. */
export async function runInSandbox(
  { tier }: TierUnderTest,
  artifact: Artifact,
  paths: readonly string[],
): Promise<string[]> {
  const executor = await tier.spawn();
  try {
    const version = makeVersion('snippets', { artifact, env: { MODE: 'test' } });
    const sandbox = new OpenSandbox(executor, version);
    const answers: string[] = [];
    for (const path of paths) answers.push((await sandbox.call({ url: `http://localhost/${path}` })).body);
    return answers;
  } finally {
    await executor.kill('the test is over');
  }
}

/** A test for each snippet: that both give the same. */
export async function sameInBoth(snippets: Snippets): Promise<void> {
  const names = Object.keys(snippets);
  const functions = names.map((name) => `async () => {${snippets[name]}\n}`);
  const code = `
    const snippets = [${functions.join(',\n')}];
    export default {
      async fetch(request) {
        const snippet = snippets[Number(new URL(request.url).pathname.slice(1))];
        return new Response(await snippet().then(${ENDING}));
      },
    };`;
  const tier = await startTier();
  let ours: string[];
  try {
    ours = await runInSandbox(
      tier,
      await tier.build(code),
      names.map((_, i) => `${i}`),
    );
  } finally {
    await tier.close();
  }
  const require = createRequire(import.meta.url);
  for (const [i, name] of names.entries()) {
    test(name, async () => {
      const theirs = await new AsyncFunction('require', 'ending', `return (${functions[i]})().then(${ENDING});`)(
        require,
      );
      // What no snippet means to show.
      assert.doesNotMatch(theirs as string, /"(?:ReferenceError|SyntaxError)"/);
      assert.deepEqual(JSON.parse(ours[i]!), JSON.parse(theirs as string));
    });
  }
}
