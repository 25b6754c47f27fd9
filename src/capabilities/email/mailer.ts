/** Mailer: hands checked mail to an SMTP server. */

import { createTransport } from 'nodemailer';
import type { Mail, MailAddress } from '../../core/mail.ts';
import { RpcError } from '../../core/rpc.ts';
import { seldom } from '../../lib/seldom.ts';

export interface MailerOptions {
  /** `smtp://user:password@mail.example.com:587`; `smtps:` for TLS from the first byte. */
  readonly url: string;
  /** Authorities trusted besides the usual ones, PEM. */
  readonly ca?: string;
  /** Hears of what is wrong with the server, which functions are told nothing about. */
  report(error: unknown): void;
}

export interface Mailer {
  /** Rejects with UNAVAILABLE, BAD_REQUEST or CANCELLED. */
  send(mail: Mail, signal: AbortSignal): Promise<{ readonly id: string }>;
  close(): void;
}

const MAX_CONNECTIONS = 4;
const CONNECT_MS = 10_000;
const SOCKET_MS = 20_000;
const SUBMISSION_PORT = 587;
const SECURE_PORT = 465;
const LOOPBACK = /^(?:localhost|127\.\d+\.\d+\.\d+|\[::1\])$/;

export function createMailer({ url, ca, ...options }: MailerOptions): Mailer {
  const report = seldom(options.report);
  const { protocol, hostname, port, username, password } = new URL(url);
  const isSecure = protocol === 'smtps:';
  const transport = createTransport({
    pool: true,
    maxConnections: MAX_CONNECTIONS,
    host: hostname.replace(/^\[|\]$/g, ''),
    port: Number(port === '' ? (isSecure ? SECURE_PORT : SUBMISSION_PORT) : port),
    secure: isSecure,
    // A password never crosses a network in the clear.
    requireTLS: username !== '' && !LOOPBACK.test(hostname),
    ...(username === '' ? {} : { auth: { user: decodeURIComponent(username), pass: decodeURIComponent(password) } }),
    ...(ca === undefined ? {} : { tls: { ca } }),
    connectionTimeout: CONNECT_MS,
    greetingTimeout: CONNECT_MS,
    socketTimeout: SOCKET_MS,
    // No part of a message may be a path or a URL that the host would read.
    disableFileAccess: true,
    disableUrlAccess: true,
  });
  return {
    async send(mail, signal) {
      try {
        const sent = await transport.sendMail({
          from: addressOf(mail.from),
          to: mail.to.map(addressOf),
          cc: mail.cc.map(addressOf),
          bcc: mail.bcc.map(addressOf),
          ...(mail.replyTo === null ? {} : { replyTo: addressOf(mail.replyTo) }),
          subject: mail.subject,
          text: mail.text,
          ...(mail.html === null ? {} : { html: mail.html }),
          signal,
        });
        return { id: sent.messageId };
      } catch (error) {
        throw refusalOf(error, signal, report);
      }
    },
    close: () => transport.close(),
  };
}

const addressOf = ({ name, address }: MailAddress): { name: string; address: string } => ({ name, address });

/** What the server says may tell of the operator's network: a function gets the number, the log the words. */
function refusalOf(error: unknown, signal: AbortSignal, report: (error: unknown) => void): RpcError {
  if (signal.aborted) return new RpcError('CANCELLED', 'its invocation is over');
  const { responseCode } = error as { readonly responseCode?: unknown };
  report(error);
  if (typeof responseCode === 'number' && responseCode >= 500 && responseCode < 600)
    return new RpcError('BAD_REQUEST', `the mail server refuses this mail (${responseCode})`);
  return new RpcError('UNAVAILABLE', 'the mail server could not be reached, or was not ready');
}
