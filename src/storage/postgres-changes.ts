/**
 * PostgreSQL changes: LISTEN and NOTIFY on a connection of its own.
 *
 * Every write of what other nodes hold in memory notifies them in its own transaction. The node hears itself every two
 * seconds: a connection that is alive but delivers nothing (a pooler in between, a firewall that forgot it) shows. While
 * the connection is there it also holds a lock by which the other nodes know that this one runs.
 */

import { Socket } from 'node:net';
import { Client } from 'pg';
import type { ClientConfig } from 'pg';
import { sql } from 'kysely';
import type { Kysely } from 'kysely';
import type { Change, ChangeFeed } from './storage.ts';

const CHANNEL = 'cordon_changes';
/** The function `cordon_publish` notifies it too. */
const WORK_CHANNEL = 'cordon_work';
/** The namespace of the locks: `cord` in ASCII. */
const LOCK_CLASS = 0x63_6f_72_64;

const BEAT_MS = 2_000;
/** Silence that is still healthy. */
const QUIET_MS = 2 * BEAT_MS;
/** After so much silence the connection is given up. */
const DEAD_MS = 3 * BEAT_MS;
/** Work that a notice which was lost would have told of waits no longer. */
const WORK_POLL_MS = 5_000;
const MIN_BACKOFF_MS = 100;
const MAX_BACKOFF_MS = 5_000;

/** PostgreSQL refuses 8,000 bytes. */
const MAX_PAYLOAD_BYTES = 7_900;

/** Tells the other nodes when the transaction commits. */
export async function announce<Schema>(trx: Kysely<Schema>, node: number, changes: readonly Change[]): Promise<void> {
  for (const change of changes) {
    await sql`select pg_notify(${CHANNEL}, ${payloadOf(node, change)})`.execute(trx);
  }
}

/** Tells the other nodes, at once or when the transaction commits. */
export async function announceWork<Schema>(on: Kysely<Schema>, node: number): Promise<void> {
  await sql`select pg_notify(${WORK_CHANNEL}, ${String(node)})`.execute(on);
}

function payloadOf(node: number, change: Change): string {
  const payload = JSON.stringify({ node, change });
  return Buffer.byteLength(payload) <= MAX_PAYLOAD_BYTES ? payload : payloadOf(node, { kind: 'all' });
}

/** The nodes whose listeners are connected. */
export async function listeningNodes<Schema>(on: Kysely<Schema>): Promise<number[]> {
  const { rows } = await sql<{ node: number }>`
    select distinct objid::bigint as node from pg_locks
    where locktype = 'advisory' and classid = ${sql.lit(LOCK_CLASS)} and objsubid = 2 and granted
      and database = (select oid from pg_database where datname = current_database())
  `.execute(on);
  return rows.map(({ node }) => node);
}

interface Connection {
  readonly client: Client;
  readonly socket: Socket;
}

export class PostgresChanges implements ChangeFeed {
  readonly #config: ClientConfig;
  readonly #node: number;
  readonly #beat: string;
  readonly #listeners: ((change: Change) => void)[] = [];
  readonly #workers: (() => void)[] = [];
  #workPoll: NodeJS.Timeout | undefined;
  #connection: Connection | null = null;
  #heardMs: number = performance.now();
  #backoffMs = MIN_BACKOFF_MS;
  #timer: NodeJS.Timeout | undefined;
  #isClosed = false;

  constructor(config: ClientConfig, node: number) {
    this.#config = config;
    this.#node = node;
    this.#beat = `cordon_node_${node}`;
  }

  /** Resolves when it listens; rejects where it can't connect. */
  async start(): Promise<void> {
    this.#connection = await this.#connect();
    this.#heard();
    this.#schedule(() => this.#sendBeat(), BEAT_MS);
  }

  /** The listener must not throw. */
  subscribe(listener: (change: Change) => void): void {
    this.#listeners.push(listener);
  }

  /** Told of other nodes' work, and every 5 s. The listener must not throw. */
  onWork(listener: () => void): void {
    this.#workers.push(listener);
    if (!this.#isClosed) this.#workPoll ??= setInterval(() => this.#wake(), WORK_POLL_MS).unref();
  }

  staleMs(): number {
    const silentMs = performance.now() - this.#heardMs;
    return this.#connection !== null && silentMs <= QUIET_MS ? 0 : silentMs;
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    clearTimeout(this.#timer);
    clearInterval(this.#workPoll);
    const connection = this.#connection;
    this.#connection = null;
    if (connection === null) return;
    const gone = connection.client.end().catch(() => {});
    // A server that doesn't answer must not keep the process.
    const impatience = setTimeout(() => connection.socket.destroy(), BEAT_MS);
    await gone;
    clearTimeout(impatience);
  }

  async #connect(): Promise<Connection> {
    const socket = new Socket();
    const client = new Client({ ...this.#config, stream: () => socket });
    const connection = { client, socket };
    client.on('error', () => this.#lost(connection));
    client.on('end', () => this.#lost(connection));
    client.on('notification', ({ channel, payload = '' }) => this.#receive(channel, payload));
    try {
      await client.connect();
      // Shared, because the server may not have noticed yet that this node's last connection is gone.
      await client.query(`select pg_advisory_lock_shared(${LOCK_CLASS}, ${this.#node})`);
      await client.query(`listen ${CHANNEL}; listen ${WORK_CHANNEL}; listen ${this.#beat}`);
      return connection;
    } catch (error) {
      socket.destroy();
      throw error;
    }
  }

  #receive(channel: string, payload: string): void {
    if (channel === this.#beat) return this.#heard();
    if (channel === WORK_CHANNEL) {
      if (payload !== String(this.#node)) this.#wake();
      return;
    }
    const { node, change } = parsed(payload);
    if (node !== this.#node) this.#emit(change);
  }

  #heard(): void {
    this.#heardMs = performance.now();
    this.#backoffMs = MIN_BACKOFF_MS;
  }

  #emit(change: Change): void {
    for (const listener of this.#listeners) listener(change);
  }

  #wake(): void {
    for (const listener of this.#workers) listener();
  }

  #sendBeat(): void {
    const connection = this.#connection;
    if (connection === null) return;
    if (performance.now() - this.#heardMs > DEAD_MS) return this.#lost(connection);
    connection.client.query(`notify ${this.#beat}`).catch(() => this.#lost(connection));
    this.#schedule(() => this.#sendBeat(), BEAT_MS);
  }

  #lost(connection: Connection): void {
    connection.socket.destroy();
    if (connection !== this.#connection) return;
    this.#connection = null;
    this.#reconnectLater();
  }

  #reconnectLater(): void {
    // Not all nodes at once.
    const delayMs = this.#backoffMs * (0.5 + Math.random());
    this.#backoffMs = Math.min(2 * this.#backoffMs, MAX_BACKOFF_MS);
    this.#schedule(() => void this.#reconnect(), delayMs);
  }

  async #reconnect(): Promise<void> {
    try {
      const connection = await this.#connect();
      if (this.#isClosed) return void connection.socket.destroy();
      this.#connection = connection;
    } catch {
      if (!this.#isClosed) this.#reconnectLater();
      return;
    }
    // What was said meanwhile was said to nobody.
    this.#heard();
    this.#emit({ kind: 'all' });
    this.#wake();
    this.#schedule(() => this.#sendBeat(), BEAT_MS);
  }

  #schedule(work: () => void, delayMs: number): void {
    clearTimeout(this.#timer);
    if (!this.#isClosed) this.#timer = setTimeout(work, delayMs).unref();
  }
}

const KINDS: ReadonlySet<unknown> = new Set(['function', 'variables', 'tenants', 'tokens', 'all']);

/** Another Cordon's, perhaps a later one's: what is not understood may mean anything. */
function parsed(payload: string): { readonly node: number | null; readonly change: Change } {
  try {
    const { node, change } = JSON.parse(payload) as { node: number; change: Change };
    if (KINDS.has(change.kind)) return { node, change };
  } catch {
    // As for a kind that is not known.
  }
  return { node: null, change: { kind: 'all' } };
}
