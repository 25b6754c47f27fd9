/** The listeners: where they are, on which names they answer, and what they write about it. */

import { isIP, type BlockList } from 'node:net';
import { resolve } from 'node:path';
import { StartError } from '../core/start-error.ts';
import { hostHeader, isHostName } from '../lib/host-names.ts';
import { blockList, each } from './parsers.ts';
import { flag, read, whole } from './setting.ts';
import type { Environment, Setting, SettingTable } from './setting.ts';

export interface ServerConfig {
  /** 0 lets the system choose. */
  readonly port: number;
  readonly host: string;
  /** Null: the operator API answers on `port`, on the operator hosts. */
  readonly adminPort: number | null;
  /** As a Host header writes them: lower case, IPv6 in brackets, no port. */
  readonly operatorHosts: readonly string[];
  /** `<tenant>.<domain>` names a tenant. */
  readonly domain: string | null;
  /** The peers whose X-Forwarded-* is believed. */
  readonly trustedProxies: BlockList;
  /** Whether `POST /execute` answers without a token. */
  readonly openExecute: boolean;
  readonly accessLog: boolean;
  /** PEM files; null: plain HTTP. */
  readonly tls: TlsConfig | null;
}

export interface TlsConfig {
  readonly certFile: string;
  readonly keyFile: string;
}

export interface ServerOptions {
  readonly port?: number;
  readonly host?: string;
  readonly adminPort?: number;
  readonly operatorHosts?: readonly string[];
  readonly domain?: string;
  /** Addresses or CIDR blocks. */
  readonly trustedProxies?: readonly string[];
  /** Effective only while `host` is a loopback address; CORDON_EXECUTE_OPEN=1 is effective anywhere. */
  readonly openExecute?: boolean;
  readonly accessLog?: boolean;
}

/** Throws a {@link StartError}. */
export function readServer(options: ServerOptions, env: Environment): ServerConfig {
  const port = readPort(options.port, env);
  const host = read(TABLE.host, options.host, env);
  const operatorHosts = read(TABLE.operatorHosts, options.operatorHosts?.join(','), env);
  return {
    port,
    host,
    adminPort: adminPortBeside(port, read(TABLE.adminPort, options.adminPort, env)),
    operatorHosts: Object.freeze(operatorHosts ?? defaultOperatorHosts(host)),
    domain: read(TABLE.domain, options.domain, env),
    trustedProxies: read(TABLE.trustedProxies, options.trustedProxies?.join(','), env),
    openExecute: read(TABLE.executeOpen, undefined, env) || (options.openExecute === true && isLoopback(host)),
    accessLog: read(TABLE.accessLog, options.accessLog, env),
    tls: tlsOf(read(TABLE.tlsCert, undefined, env), read(TABLE.tlsKey, undefined, env)),
  };
}

export function readPort(option: number | undefined, env: Environment): number {
  return read(TABLE.port, option, env);
}

/** Whether only this machine can reach a listener on that address. */
export function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || (isIP(host) === 4 && host.startsWith('127.'));
}

const TABLE = {
  port: whole(
    'PORT',
    '3003',
    0,
    65_535,
    'The port of functions and, without CORDON_ADMIN_PORT, of the operator API; 0 lets the system choose',
  ),
  host: {
    name: 'HOST',
    fallback: '127.0.0.1',
    meaning: 'The address to listen on',
    expected: 'an IP address or a host name',
    parse: (text) => (isIP(text) !== 0 || isHostName(text) ? text.toLowerCase() : undefined),
  },
  adminPort: whole(
    'CORDON_ADMIN_PORT',
    null,
    0,
    65_535,
    'Gives the operator API a listener of its own',
    'the same as PORT',
  ),
  operatorHosts: {
    name: 'CORDON_OPERATOR_HOSTS',
    fallback: null,
    fallbackMeaning: '`localhost`, `127.0.0.1`, `[::1]` and HOST',
    meaning: 'The host names, separated by commas, on which the operator API answers',
    expected: 'host names or addresses without a port, separated by commas',
    parse: (text) => each(text, hostHeader),
  },
  domain: {
    name: 'CORDON_DOMAIN',
    fallback: null,
    fallbackMeaning: 'none',
    meaning: '`<tenant>.<this domain>` names a tenant',
    expected: 'a domain name',
    parse: (text) => (isHostName(text) ? text.toLowerCase() : undefined),
  },
  trustedProxies: {
    name: 'CORDON_TRUSTED_PROXIES',
    fallback: '',
    fallbackMeaning: 'none',
    meaning: 'The proxies, separated by commas, whose X-Forwarded-* is believed',
    expected: 'addresses or CIDR blocks, separated by commas',
    parse: blockList,
  },
  tlsCert: {
    name: 'CORDON_TLS_CERT',
    fallback: null,
    fallbackMeaning: 'plain HTTP',
    meaning: 'The certificate chain, PEM',
    expected: 'a file',
    parse: (text) => resolve(text),
  },
  tlsKey: {
    name: 'CORDON_TLS_KEY',
    fallback: null,
    fallbackMeaning: 'plain HTTP',
    meaning: 'Its private key, PEM',
    expected: 'a file',
    parse: (text) => resolve(text),
  },
  executeOpen: flag('CORDON_EXECUTE_OPEN', '0', 'Whether POST /execute answers without a token, on any HOST'),
  accessLog: flag('CORDON_ACCESS_LOG', '1', 'Whether each HTTP request writes a line to stdout'),
} as const satisfies SettingTable;

export const SERVER_SETTINGS: readonly Setting<unknown>[] = Object.values(TABLE);

function adminPortBeside(port: number, adminPort: number | null): number | null {
  if (adminPort === null || adminPort !== port || port === 0) return adminPort;
  throw new StartError(`CORDON_ADMIN_PORT is ${adminPort}, but it must differ from PORT`);
}

function tlsOf(certFile: string | null, keyFile: string | null): TlsConfig | null {
  if (certFile === null && keyFile === null) return null;
  if (certFile !== null && keyFile !== null) return Object.freeze({ certFile, keyFile });
  throw new StartError('CORDON_TLS_CERT and CORDON_TLS_KEY belong together: set both or neither');
}

function defaultOperatorHosts(host: string): string[] {
  const own = hostHeader(host);
  const isWildcard = own === undefined || own === '0.0.0.0' || own === '[::]';
  return [...new Set(['localhost', '127.0.0.1', '[::1]', ...(isWildcard ? [] : [own])])];
}
