/** A key and a certificate of its own authority, for servers of the tests. */

import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

export interface Identity {
  readonly key: string;
  readonly cert: string;
}

/** Names as `DNS:secure.test,IP:1.2.3.4`. */
export function makeIdentity(names: string): Identity {
  const folder = mkdtempSync(join(tmpdir(), 'cordon-egress-'));
  const [key, cert] = [join(folder, 'key.pem'), join(folder, 'cert.pem')];
  const kind = ['-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-days', '2'];
  const what = ['-subj', '/CN=cordon-test', '-addext', `subjectAltName=${names}`, '-keyout', key, '-out', cert];
  try {
    execFileSync('openssl', ['req', ...kind, ...what], { stdio: 'pipe' });
    return { key: readFileSync(key, 'utf8'), cert: readFileSync(cert, 'utf8') };
  } finally {
    rmSync(folder, { recursive: true });
  }
}
