/** A real SMTP server that keeps what it is given. */

import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { SMTPServer } from 'smtp-server';
import type { SMTPServerOptions } from 'smtp-server';

export interface ReceivedMail {
  readonly from: string;
  readonly to: readonly string[];
  /** As it came, headers and all. */
  readonly raw: string;
  readonly isSecure: boolean;
  readonly user: string | null;
}

export interface MailServer {
  readonly port: number;
  readonly received: readonly ReceivedMail[];
  /** Resolves when so many have come. */
  arrived(count: number): Promise<void>;
  close(): Promise<void>;
}

export interface MailServerOptions {
  /** `starttls` where the client may ask for it; `tls` from the first byte; default: neither. */
  readonly security?: 'tls' | 'starttls';
  readonly certificate?: Certificate;
  /** Null: nobody needs to say who they are. */
  readonly login?: { readonly user: string; readonly password: string } | null;
  /** Refuses these recipients. */
  readonly refuses?: readonly string[];
}

export async function startMailServer(options: MailServerOptions = {}): Promise<MailServer> {
  const { security, certificate, login = null, refuses = [] } = options;
  const received: ReceivedMail[] = [];
  const waiting: { readonly count: number; readonly resolve: () => void }[] = [];
  const server = new SMTPServer({
    ...(certificate === undefined ? {} : { key: certificate.key, cert: certificate.cert }),
    secure: security === 'tls',
    disabledCommands: [...(security === 'starttls' ? [] : ['STARTTLS']), ...(login === null ? ['AUTH'] : [])],
    authOptional: login === null,
    allowInsecureAuth: true,
    closeTimeout: 100,
    onAuth: ({ username, password }, _session, callback) =>
      username === login?.user && password === login?.password
        ? callback(null, { user: username })
        : callback(new Error('wrong password')),
    onRcptTo: ({ address }, _session, callback) =>
      refuses.includes(address)
        ? callback(Object.assign(new Error('no such user at 10.0.0.7'), { responseCode: 550 }))
        : callback(),
    onData(stream, session, callback) {
      const chunks: Buffer[] = [];
      stream.on('data', (chunk: Buffer) => chunks.push(chunk));
      stream.on('end', () => {
        const { mailFrom, rcptTo } = session.envelope;
        received.push({
          from: mailFrom === false ? '' : mailFrom.address,
          to: rcptTo.map(({ address }) => address),
          raw: Buffer.concat(chunks).toString('utf8'),
          isSecure: session.secure,
          user: (session.user as string | undefined) ?? null,
        });
        callback();
        for (const { resolve } of waiting.filter(({ count }) => count <= received.length)) resolve();
      });
    },
  } satisfies SMTPServerOptions);
  server.on('error', () => undefined);
  const listener = server.listen(0, '127.0.0.1');
  await once(listener, 'listening');
  return {
    port: (listener.address() as AddressInfo).port,
    received,
    arrived: (count) =>
      received.length >= count ? Promise.resolve() : new Promise((resolve) => waiting.push({ count, resolve })),
    close: () => new Promise((resolve) => server.close(() => resolve())),
  };
}

export interface Certificate {
  readonly key: string;
  readonly cert: string;
}

/** For 127.0.0.1 and localhost, signed by itself. */
export function makeCertificate(): Certificate {
  const folder = mkdtempSync(join(tmpdir(), 'cordon-certificate-'));
  const [key, cert] = [join(folder, 'key.pem'), join(folder, 'cert.pem')];
  try {
    const subject = ['-subj', '/CN=localhost', '-addext', 'subjectAltName=DNS:localhost,IP:127.0.0.1'];
    const form = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-days', '2', '-nodes'];
    execFileSync('openssl', ['req', '-x509', ...form, ...subject, '-keyout', key, '-out', cert], { stdio: 'ignore' });
    return { key: readFileSync(key, 'utf8'), cert: readFileSync(cert, 'utf8') };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
