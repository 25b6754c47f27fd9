/** What functions may use by `ctx`: key-value storage, items, a user's own PostgreSQL, mail. */

import { StartError } from '../core/start-error.ts';
import type { RateRule } from '../core/rate-limit.ts';
import { each, RATE_EXPECTED, rate } from './parsers.ts';
import { read, whole } from './setting.ts';
import type { Environment, Setting, SettingTable } from './setting.ts';

export interface CapabilitiesConfig {
  /** Of each tenant. */
  readonly kv: { readonly entries: number; readonly bytes: number };
  readonly items: { readonly entries: number; readonly bytes: number };
  /** Null: items are in Cordon's own storage. */
  readonly database: UserDatabase | null;
  readonly mail: MailConfig;
}

export interface UserDatabase {
  readonly url: string;
  /** The one schema whose tables may be named. */
  readonly schema: string;
  /** Whose functions have it; those of others have Cordon's own. */
  readonly tenant: string;
  readonly roles: { readonly anonymous: string; readonly user: string; readonly trusted: string };
  readonly statementTimeoutMs: number;
}

export interface MailConfig {
  /** Null: mail is kept and shown, and not sent. */
  readonly smtpUrl: string | null;
  readonly senders: readonly string[];
  /** Recipients of each tenant. */
  readonly rate: RateRule;
}

export interface CapabilitiesOptions {
  readonly kvMb?: number;
  readonly kvEntries?: number;
  readonly itemsMb?: number;
  readonly itemsEntries?: number;
  readonly dbUrl?: string;
  readonly dbSchema?: string;
  readonly dbTenant?: string;
  readonly smtpUrl?: string;
  readonly mailFrom?: readonly string[];
  readonly mailRate?: string;
}

const MB = 1024 * 1024;

/** Throws a {@link StartError}. */
export function readCapabilities(options: CapabilitiesOptions, env: Environment): CapabilitiesConfig {
  const quota = (entries: number, mb: number) => Object.freeze({ entries, bytes: mb * MB });
  return Object.freeze({
    kv: quota(read(TABLE.kvEntries, options.kvEntries, env), read(TABLE.kvMb, options.kvMb, env)),
    items: quota(read(TABLE.itemsEntries, options.itemsEntries, env), read(TABLE.itemsMb, options.itemsMb, env)),
    database: databaseOf(options, env),
    mail: mailOf(options, env),
  });
}

function databaseOf(options: CapabilitiesOptions, env: Environment): UserDatabase | null {
  const url = read(TABLE.dbUrl, options.dbUrl, env);
  const schema = read(TABLE.dbSchema, options.dbSchema, env);
  const tenant = read(TABLE.dbTenant, options.dbTenant, env);
  const [anonymous, user, trusted] = read(TABLE.dbRoles, undefined, env);
  const statementTimeoutMs = read(TABLE.dbTimeout, undefined, env);
  if (url === null) return null;
  return Object.freeze({ url, schema, tenant, roles: { anonymous, user, trusted }, statementTimeoutMs });
}

function mailOf(options: CapabilitiesOptions, env: Environment): MailConfig {
  const smtpUrl = read(TABLE.smtpUrl, options.smtpUrl, env);
  const senders = read(TABLE.mailFrom, options.mailFrom?.join(','), env);
  if (smtpUrl !== null && senders.length === 0)
    throw new StartError('CORDON_SMTP_URL is set, so CORDON_MAIL_FROM has to say whom mail may come from');
  return Object.freeze({ smtpUrl, senders: Object.freeze(senders), rate: read(TABLE.mailRate, options.mailRate, env) });
}

const NAME = /^[A-Za-z_][A-Za-z0-9_]{0,62}$/;
const SENDER = /^(?:\*|[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64})@(?:[A-Za-z0-9-]{1,63}\.)+[A-Za-z0-9-]{2,63}$/;

const TABLE = {
  kvMb: whole('CORDON_KV_MB', '64', 1, 1_000_000, 'How many MB a tenant may keep by `ctx.kv`'),
  kvEntries: whole('CORDON_KV_ENTRIES', '100000', 1, 1_000_000_000, 'How many keys a tenant may keep by `ctx.kv`'),
  itemsMb: whole(
    'CORDON_ITEMS_MB',
    '16',
    1,
    1_000_000,
    'How many MB of items a tenant may keep in Cordon’s own storage',
  ),
  itemsEntries: whole(
    'CORDON_ITEMS_ENTRIES',
    '10000',
    1,
    1_000_000_000,
    'How many items a tenant may keep in Cordon’s own storage',
  ),
  dbUrl: {
    name: 'CORDON_DB_URL',
    fallback: null,
    fallbackMeaning: 'items are in Cordon’s own storage',
    meaning: 'A PostgreSQL database whose tables functions reach by `ctx.db`, as their caller',
    expected: 'a URL that begins with postgres:// or postgresql://',
    secret: true,
    parse: (text) => (/^postgres(?:ql)?:$/.test(URL.parse(text)?.protocol ?? '') ? text : undefined),
  },
  dbSchema: {
    name: 'CORDON_DB_SCHEMA',
    fallback: 'public',
    meaning: 'The schema of that database whose tables may be named',
    expected: 'the name of one schema, of letters, digits and _, and none of PostgreSQL’s own',
    parse: (text) => (NAME.test(text) && !/^(?:pg_|information_schema$)/i.test(text) ? text : undefined),
  },
  dbTenant: {
    name: 'CORDON_DB_TENANT',
    fallback: 'default',
    meaning: 'The tenant whose functions have that database',
    expected: 'the name of a tenant',
    parse: (text) => (/^[a-z0-9](?:[a-z0-9_-]{0,61}[a-z0-9])?$/.test(text) ? text : undefined),
  },
  dbRoles: {
    name: 'CORDON_DB_ROLES',
    fallback: 'anon,authenticated,service_role',
    meaning: 'The database’s roles for anonymous callers, for users, and for admins, events and schedules',
    expected: 'three names of roles, separated by commas',
    parse: rolesOf,
  },
  dbTimeout: whole(
    'CORDON_DB_TIMEOUT_MS',
    '5000',
    10,
    60_000,
    'How long a statement of `ctx.db` may take there, in ms',
  ),
  smtpUrl: {
    name: 'CORDON_SMTP_URL',
    fallback: null,
    fallbackMeaning: 'mail is kept and shown, and not sent',
    meaning: 'The server that sends what functions mail',
    expected: 'a URL such as smtp://user:password@mail.example.com:587, or smtps: for TLS from the start',
    secret: true,
    parse: serverOf,
  },
  mailFrom: {
    name: 'CORDON_MAIL_FROM',
    fallback: '',
    fallbackMeaning: 'none',
    meaning: 'Whom functions’ mail may come from, separated by commas; the first is the default',
    expected: 'addresses, or *@example.com for all of a domain, separated by commas',
    parse: (text) => each(text, (item) => (SENDER.test(item) ? item : undefined)),
  },
  mailRate: {
    name: 'CORDON_MAIL_RATE',
    fallback: '100/1h',
    meaning: 'How many recipients a tenant’s functions may write to, and in which time',
    expected: RATE_EXPECTED,
    parse: rate,
  },
} as const satisfies SettingTable;

export const CAPABILITIES_SETTINGS: readonly Setting<unknown>[] = Object.values(TABLE);

function rolesOf(text: string): [anonymous: string, user: string, trusted: string] | undefined {
  const names = each(text, (item) => (NAME.test(item) ? item : undefined));
  if (names?.length !== 3) return undefined;
  return names as [string, string, string];
}

function serverOf(text: string): string | undefined {
  const url = URL.parse(text);
  if (url === null || !/^smtps?:$/.test(url.protocol) || url.hostname === '') return undefined;
  return (url.pathname === '' || url.pathname === '/') && url.search === '' && url.hash === '' ? text : undefined;
}
