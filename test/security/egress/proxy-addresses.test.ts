/** The proxy, against every address that no function may reach: refused by CONNECT and by absolute URL, and audited. */

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { RANGES, SPELLINGS } from './forbidden.ts';
import { assertSilence, prepare, skip, throughProxy, useWorld } from './world.ts';

useWorld();

/** A request line holds bytes of ASCII; other spellings are for URLs alone. */
const HOSTS = [...SPELLINGS, ...RANGES].filter(([host]) => /^[\x21-\x7e]+$/.test(host));

const FORMS: readonly (readonly [name: string, request: (host: string) => string])[] = [
  ['CONNECT', (host) => `CONNECT ${host}:443 HTTP/1.1\r\nHost: x\r\n\r\n`],
  ['a request', (host) => `GET http://${host}/ HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n`],
];

for (const [name, request] of FORMS)
  describe(`${name} by the proxy`, { skip }, () => {
    for (const [host, rule] of HOSTS)
      test(`to ${host} is refused: ${rule}`, async () => {
        await prepare();
        const { text, refusals } = await throughProxy(request(host));
        // What is no authority is refused before anybody asks what it means.
        if (name === 'CONNECT' && host.includes('%')) assert.match(text, /^HTTP\/1\.1 4(?:00|52) /);
        else {
          assert.match(text, /^HTTP\/1\.1 452 SSRF guard blocked outbound request to /);
          assert.deepEqual(
            refusals.map((entry) => entry.rule),
            [rule],
          );
        }
        await assertSilence();
      });
  });
