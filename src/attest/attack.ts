/**
 * Attack: one way in which somebody may try to get out of a function, at what is another's, or to wear the host out.
 *
 * An attack is data with one method. It gets a {@link Lab}: a running server, a tenant of its own to attack from, and a
 * victim with secrets that no answer to an attacker may ever hold. It says whether the walls held and what it saw.
 */

import type { TierName } from '../core/tier.ts';

export const ATTACK_CLASSES = [
  'realm', // out of the engine's realm, into the one that hosts it
  'intrinsics', // what every part of a realm relies on, patched under our own code
  'results', // values and errors that bite whoever looks at them
  'cpu', // never giving the processor back
  'memory', // taking more of it than was granted
  'floods', // more lines, bytes, calls, headers than anybody can take
  'tenant', // what is another tenant's
  'host', // what is the host's: files, environment, processes, the operator's origin
  'egress', // addresses that no function may reach
  'http', // the bytes of the protocol on the public port
  'identity', // being somebody else
  'uploads', // sources as hostile as running code
] as const;
export type AttackClass = (typeof ATTACK_CLASSES)[number];

export interface Evidence {
  readonly held: boolean;
  /** What was seen, one line. */
  readonly text: string;
}

export interface Attack {
  /** Reads as a sentence's subject: "A thenable as a result". Unique. */
  readonly name: string;
  readonly class: AttackClass;
  /** Runs once in each of these that works; null: it meets no tier, and runs once. */
  readonly tiers: readonly TierName[] | null;
  /** Needs a server that the suite has started for itself, with settings and neighbours of its choice. */
  readonly private: boolean;
  run(lab: Lab): Promise<Evidence>;
}

/** Tiers that run code in an engine without the host's API. A later tier joins the suite by joining a list. */
export const LANGUAGE_WALLS: readonly TierName[] = ['isolate', 'wasm'];
/** Every tier. */
export const ALL_TIERS: readonly TierName[] = ['isolate', 'wasm', 'worker', 'container', 'microvm'];

export interface Sent {
  readonly path: string;
  /** Default: GET, or POST with a body. */
  readonly method?: string;
  /** The Host header; default: the attacker's own. */
  readonly host?: string;
  readonly headers?: Readonly<Record<string, string | readonly string[]>>;
  readonly body?: string | Uint8Array;
  /** Becomes the body, as JSON. */
  readonly json?: unknown;
  /** A bearer token. */
  readonly token?: string;
}

export interface Answer {
  readonly status: number;
  /** Lower case. */
  readonly headers: Readonly<Record<string, string>>;
  readonly text: string;
  /** The connection broke before the body had ended. */
  readonly cut: boolean;
  readonly tookMs: number;
  /** The fault's code, where it is one. */
  readonly code: string | null;
}

/** What came back over a connection that was written to byte by byte. */
export interface RawAnswer {
  readonly text: string;
  /** The status of each response, in order. */
  readonly statuses: readonly number[];
  readonly closed: boolean;
}

export interface RawOptions {
  /** Written after the first bytes, each in a turn of its own. */
  readonly more?: readonly (string | Uint8Array)[];
  /** Between two of them. */
  readonly gapMs?: number;
  /** No more is waited for after this silence; default: 10 s before the first byte, 0.4 s after it. */
  readonly quietMs?: number;
  /** Nor after this text. */
  readonly last?: string;
  /** For so long nothing that comes is read. */
  readonly deafMs?: number;
}

/** As `PUT /api/v1/functions/:name` takes it, without the name. */
export type Source = Readonly<Record<string, unknown>> & ({ readonly code: string } | { readonly files: object });

export type Deployed =
  | { readonly ok: true; readonly name: string; call(sent?: Partial<Sent>): Promise<Answer> }
  | { readonly ok: false; readonly answer: Answer };

export interface Victim {
  readonly tenant: string;
  /** Where its functions answer. */
  readonly host: string;
  /** Answers all the time, with {@link greeting}. */
  readonly steady: string;
  readonly greeting: string;
  /** Has secrets in its environment and in its log. */
  readonly vault: string;
}

/** What is there before the first attack. */
export interface Ground {
  /** Of the functions. */
  readonly url: string;
  /** Where the operator API answers. */
  readonly operatorHost: string;
  /** `<tenant>.<domain>` names a tenant; null: the server is not the suite's own, and everything is in one tenant. */
  readonly domain: string | null;
  /** Signs JWTs that the server believes; null: not known. */
  readonly jwtSecret: string | null;
  readonly operatorToken: string;
  readonly victim: Victim;
  /** A file and a listener of the machine that only its owner may reach. */
  readonly canary: Canary;
  /** In nothing that an attacker is answered. */
  readonly secrets: readonly string[];
  /** What the server has printed; empty where that can't be seen. */
  output(): string;
}

export interface Canary {
  readonly file: string;
  readonly port: number;
  /** How many have connected. */
  hits(): number;
}

/** One lane's view of the server: its attacks run one after another, from a tenant of their own. */
export interface Lab {
  readonly ground: Ground;
  /** The tier that is attacked; null where the attack meets none. */
  readonly tier: TierName | null;
  /** The attacker's own tenant, the host it answers at, and its admin token. */
  readonly tenant: string;
  readonly host: string;
  readonly token: string;
  /** At least 1: how much longer than on a quiet machine things take here. What is judged by its time is given as much more. */
  readonly slowness: number;
  /** In {@link tier}, for one second and 64 MB a call unless the source says otherwise. It is gone after the attack. */
  deploy(source: string | Source): Promise<Deployed>;
  /** Anonymous, unless a token is given. Rejects when there is no answer within a minute, or the connection breaks. */
  send(sent: Sent): Promise<Answer>;
  /** To the operator API, with the attacker's own admin token. */
  asAttacker(sent: Sent): Promise<Answer>;
  /** To the operator API, as the operator: what comes back is not an attacker's to see. */
  asOperator(sent: Sent): Promise<Answer>;
  /** One connection to the public port. */
  raw(bytes: string | Uint8Array, options?: RawOptions): Promise<RawAnswer>;
}

export const held = (text: string): Evidence => ({ held: true, text });
export const broken = (text: string): Evidence => ({ held: false, text });

/** What was to be so, and what was seen. */
export const must = (condition: boolean, text: string): Evidence => (condition ? held(text) : broken(text));

/** One word of an answer, for evidence. */
export const shown = ({ status, code, text }: Answer): string =>
  code === null ? `${status} ${JSON.stringify(text.slice(0, 80))}` : `${status} ${code}`;
