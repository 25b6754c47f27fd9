/** Egress: addresses that no function may reach, in every spelling, and the other ways a client can be talked into them. */

import { ALL_TIERS, broken, must, shown, type Attack, type Lab } from '../attack.ts';

const own = { class: 'egress', tiers: ALL_TIERS, private: false } as const;

/** `PORT` stands for that of a listener of the host, `CORDON` for Cordon's own. */
const ADDRESSES: readonly (readonly [name: string, url: string])[] = [
  ['Loopback', 'http://127.0.0.1:PORT/'],
  ['Loopback by name', 'http://localhost:PORT/'],
  ['Loopback by a name below localhost', 'http://a.localhost:PORT/'],
  ['Loopback by a name with a dot at its end', 'http://localhost.:PORT/'],
  ['Loopback as one number', 'http://2130706433:PORT/'],
  ['Loopback in octal', 'http://0177.0.0.1:PORT/'],
  ['Loopback in hexadecimal', 'http://0x7f.0x0.0x0.0x1:PORT/'],
  ['Loopback with parts left out', 'http://127.1:PORT/'],
  ['Loopback, another of its addresses', 'http://127.8.8.8:PORT/'],
  ['Loopback, percent-encoded', 'http://%31%32%37.0.0.1:PORT/'],
  ['Loopback in digits of another script', 'http://①②⑦.⓪.⓪.①:PORT/'],
  ['Loopback with dots of another script', 'http://127。0。0。1:PORT/'],
  ['No address at all', 'http://0:PORT/'],
  ['The unspecified address', 'http://0.0.0.0:PORT/'],
  ['Loopback of IPv6', 'http://[::1]:PORT/'],
  ['The unspecified address of IPv6', 'http://[::]:PORT/'],
  ['Loopback mapped into IPv6', 'http://[::ffff:127.0.0.1]:PORT/'],
  ['Loopback mapped into IPv6, in hexadecimal', 'http://[::ffff:7f00:1]:PORT/'],
  ['Loopback behind NAT64', 'http://[64:ff9b::7f00:1]:PORT/'],
  ['Loopback inside of 6to4', 'http://[2002:7f00:1::]:PORT/'],
  ['A link-local address of IPv6', 'http://[fe80::1]:PORT/'],
  ['A unique local address of IPv6', 'http://[fd00::1]:PORT/'],
  ['The metadata service', 'http://169.254.169.254/latest/meta-data/'],
  ['The metadata service as one number', 'http://2852039166/latest/meta-data/'],
  ['The metadata service by name', 'http://metadata.google.internal/computeMetadata/v1/'],
  ['The metadata service of containers', 'http://169.254.170.2/v2/credentials'],
  ['The metadata service over IPv6', 'http://[fd00:ec2::254]/latest/'],
  ['A private network', 'http://10.0.0.1/'],
  ['A private network in the middle of a range', 'http://172.20.0.1/'],
  ['The network at home', 'http://192.168.1.1/'],
  ['The network of a carrier', 'http://100.64.0.1/'],
  ['A multicast address', 'http://224.0.0.1/'],
  ['The broadcast address', 'http://255.255.255.255/'],
  ["Cordon's own port", 'http://127.0.0.1:CORDON/api/v1/functions'],
  ['Loopback behind a user name', 'http://example.com@127.0.0.1:PORT/'],
  ['Loopback behind a backslash', 'http://127.0.0.1:PORT\\@example.com/'],
  ['Loopback behind a fragment', 'http://127.0.0.1:PORT#@example.com/'],
  ['A file', 'file:///etc/passwd'],
  ['A file transfer', 'ftp://127.0.0.1:PORT/'],
  ['Gopher', 'gopher://127.0.0.1:PORT/_x'],
  ['A Unix socket', 'http+unix://%2Fvar%2Frun%2Fdocker.sock/info'],
  ['A socket of the web', 'ws://127.0.0.1:PORT/'],
];

const FETCHER = `export default { async fetch(request) {
  const { url, init } = await request.json();
  try {
    const response = await fetch(url, init);
    return Response.json({ status: response.status, text: (await response.text()).slice(0, 2000) });
  } catch (error) { return Response.json({ refused: String(error.code ?? error.name), message: String(error.message) }); }
} }`;

/** Refused before anything was connected to, no address at all, or a name that nothing has here. */
const REFUSALS = /^(?:EGRESS_BLOCKED|BAD_REQUEST|TypeError|DNS_FAILED)$/;

interface Fetched {
  readonly status?: number;
  readonly refused?: string;
  readonly message?: string;
}

async function fetching(lab: Lab, url: string, init: object = {}): Promise<Fetched | string> {
  const target = await lab.deploy({ code: FETCHER, egress: { allow: ['*'] } });
  if (!target.ok) return shown(target.answer);
  const cordon = new URL(lab.ground.url).port;
  const real = url.replace('PORT', String(lab.ground.canary.port)).replace('CORDON', cordon);
  const answer = await target.call({ method: 'POST', json: { url: real, init } });
  return answer.status === 200 ? (JSON.parse(answer.text) as Fetched) : shown(answer);
}

const address = (name: string, url: string, init: object = {}): Attack => ({
  ...own,
  name: `Fetching ${/^[A-Z][a-z]/.test(name) ? name[0]!.toLowerCase() + name.slice(1) : name}`,
  async run(lab) {
    const found = await fetching(lab, url, init);
    if (typeof found === 'string') return broken(`it could not be tried: ${found}`);
    return must(
      found.status === 452 || REFUSALS.test(found.refused ?? ''),
      `${found.refused ?? found.status} ${(found.message ?? '').slice(0, 100)}`,
    );
  },
});

export const EGRESS: readonly Attack[] = [
  ...ADDRESSES.map(([name, url]) => address(name, url)),
  address('loopback with the Host of another', 'http://127.0.0.1:PORT/', { headers: { host: 'example.com' } }),
  address('by CONNECT', 'http://127.0.0.1:PORT/', { method: 'CONNECT' }),
  address('by TRACE', 'http://127.0.0.1:PORT/', { method: 'TRACE' }),
  address('loopback with a header that is two', 'http://127.0.0.1:PORT/', { headers: { x: 'a\r\nhost: example.com' } }),
  address('loopback with a length of its own', 'http://127.0.0.1:PORT/', {
    method: 'POST',
    body: 'x',
    headers: { 'content-length': '100', 'transfer-encoding': 'chunked' },
  }),
  {
    ...own,
    name: 'A function that widens its own allow-list',
    async run(lab) {
      const { status } = await lab.asAttacker({
        path: `/api/v1/functions/attest-wide`,
        method: 'PUT',
        json: {
          tenant: lab.tenant,
          code: FETCHER,
          egress: { allow: ['*'], allowPrivate: ['127.0.0.1:1'], rule: 'none' },
        },
      });
      return must(status === 400, `answered ${status}`);
    },
  },
];
