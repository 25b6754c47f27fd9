/** Settings: what the configuration opens, and to whom. */

import type { Config } from '../../config.ts';
import type { Finding } from './finding.ts';

export function examineSettings(config: Config): Finding[] {
  return [listener(config), execute(config), privateEgress(config), allowedEgress(config)];
}

const base = (name: string): { readonly group: 'settings'; readonly name: string } => ({ group: 'settings', name });
const isLoopback = (host: string): boolean => host === 'localhost' || host === '::1' || host.startsWith('127.');

function listener({ host, port, tls, adminPort }: Config): Finding {
  const found = `${host}:${port}, ${tls === null ? 'plain HTTP' : 'TLS'}${adminPort === null ? '' : `; the operator API on ${adminPort}`}`;
  if (isLoopback(host) || tls !== null) return { ...base('listener'), health: 'ok', found };
  return {
    ...base('listener'),
    health: 'gap',
    found: `${found}: tokens cross the network in the clear, unless a proxy speaks TLS`,
    cure: 'CORDON_TLS_CERT=cert.pem CORDON_TLS_KEY=key.pem cordon serve',
  };
}

function execute({ openExecute, host }: Config): Finding {
  if (!openExecute) return { ...base('/execute'), health: 'ok', found: 'needs a token' };
  if (isLoopback(host)) return { ...base('/execute'), health: 'ok', found: 'open to this machine' };
  return {
    ...base('/execute'),
    health: 'gap',
    found: `open to everybody who reaches ${host}`,
    cure: 'CORDON_EXECUTE_OPEN=0 cordon serve',
  };
}

/** Shown because nothing else says that a hole was made on purpose. */
function privateEgress({ egress }: Config): Finding {
  const { allowPrivate } = egress;
  if (allowPrivate.length === 0)
    return { ...base('private egress'), health: 'ok', found: 'no function reaches a private address' };
  return {
    ...base('private egress'),
    health: 'gap',
    found: `CORDON_EGRESS_ALLOW_PRIVATE lets every function reach ${allowPrivate.join(', ')}`,
    cure: 'unset CORDON_EGRESS_ALLOW_PRIVATE',
  };
}

function allowedEgress({ egress }: Config): Finding {
  const { allow, proxy } = egress;
  const what =
    allow === null ? 'any public address; script bodies none' : allow.length === 0 ? 'nothing' : allow.join(', ');
  return { ...base('egress'), health: 'ok', found: `${what}${proxy === null ? '' : ', through a proxy'}` };
}
