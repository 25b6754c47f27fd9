/**
 * Environment types: what TypeScript has to be told of a function's surroundings, beside the web's own types. The text is
 * what `cordon types` writes for a project.
 */

export const TYPES_FILE = 'cordon-env.d.ts';
/** A project's copy of the schema, which its manifest names for editors. */
export const SCHEMA_FILE = 'cordon.schema.json';

const IDENTIFIER = /^[A-Za-z_][A-Za-z0-9_]*$/;

/** `names`: the variables that are known; a function may have others, which are then `string | undefined`. */
export function environmentTypes(names: readonly string[]): string {
  const known = [...new Set(names)].filter((name) => IDENTIFIER.test(name)).sort();
  const fields = known.map((name) => `  readonly ${name}: string;\n`).join('');
  return `${HEADER}
/** The environment of this project's functions. */
interface CordonEnv {
${fields}  readonly [name: string]: string | undefined;
}
${SURROUNDINGS}`;
}

const HEADER = `// Written by "cordon types": what functions find around them, beside the web's own API. Write it anew after you have
// changed cordon.toml or the secrets.
`;

const SURROUNDINGS = `
interface CordonUser {
  readonly id: string | null;
  readonly email: string | null;
  readonly roles: readonly string[];
}

/** What JSON can hold. */
type CordonJson = string | number | boolean | null | readonly CordonJson[] | { readonly [name: string]: CordonJson };

/** What a host service refuses with. */
interface CapabilityError extends Error {
  readonly name: 'CapabilityError';
  readonly code:
    | 'BAD_REQUEST'
    | 'NOT_GRANTED'
    | 'FORBIDDEN'
    | 'NOT_FOUND'
    | 'CONFLICT'
    | 'QUOTA_EXCEEDED'
    | 'THROTTLED'
    | 'TOO_MANY_REQUESTS'
    | 'CANCELLED'
    | 'UNAVAILABLE'
    | 'INTERNAL';
}

/** Values by key, of all the tenant's functions together. Keys have up to 512 bytes, values up to 64 KB of JSON. */
interface CordonKv {
  get<Value = any>(key: string): Promise<Value | null>;
  getWithRevision<Value = any>(
    key: string,
  ): Promise<{ readonly value: Value; readonly revision: number; readonly expiresAt: string | null } | null>;
  /** Resolves with its revision. \`ifRevision\`: only where it has this one; 0: only where there is none. */
  set(key: string, value: unknown, options?: { ttlSeconds?: number; ifRevision?: number }): Promise<number>;
  /** False where there was none. */
  delete(key: string, options?: { ifRevision?: number }): Promise<boolean>;
  list(options?: { prefix?: string; cursor?: string; limit?: number }): Promise<{
    readonly keys: readonly { readonly key: string; readonly revision: number; readonly expiresAt: string | null }[];
    /** Of the next page; null: this is the last. */
    readonly cursor: string | null;
  }>;
}

type CordonValue = string | number | boolean;

interface CordonCondition {
  _eq?: CordonValue | null;
  _neq?: CordonValue | null;
  _gt?: string | number;
  _gte?: string | number;
  _lt?: string | number;
  _lte?: string | number;
  _in?: readonly CordonValue[];
  _nin?: readonly CordonValue[];
  _contains?: string;
  _null?: boolean;
}

interface CordonFilter {
  _and?: readonly CordonFilter[];
  _or?: readonly CordonFilter[];
  /** A value is the one that it must equal. */
  [field: string]: CordonCondition | CordonValue | null | readonly CordonFilter[] | undefined;
}

interface CordonQuery {
  /** \`$now\` and \`$now(-1 day)\` are times. */
  filter?: CordonFilter;
  /** \`-created_at\`: the last first. */
  sort?: string | readonly string[];
  fields?: readonly string[];
  /** At most 1000; default 100. */
  limit?: number;
  offset?: number;
}

/** Items as whoever calls the function. */
interface CordonDb {
  list<Row = any>(slug: string, query?: CordonQuery): Promise<Row[]>;
  one<Row = any>(slug: string, id: string | number): Promise<Row | null>;
  /** These three take the capability \`db:write\`. */
  create<Row = any>(slug: string, data: object): Promise<Row>;
  update<Row = any>(slug: string, id: string | number, data: object): Promise<Row | null>;
  delete(slug: string, id: string | number): Promise<boolean>;
}

interface CordonMail {
  /** \`ann@example.com\`, or \`Ann <ann@example.com>\`. */
  to: string | readonly string[];
  cc?: string | readonly string[];
  bcc?: string | readonly string[];
  from?: string;
  replyTo?: string;
  subject: string;
  text: string;
  html?: string;
}

/** What the host does for a function; each needs its capability, and rejects with a CapabilityError. */
interface CordonServices {
  readonly kv: CordonKv;
  readonly db: CordonDb;
  readonly email: { send(mail: CordonMail): Promise<{ readonly id: string }> };
  readonly vm: { run(options: object): Promise<any> };
  /** Events of one key reach each function one after the other. */
  publish(
    channel: string,
    data?: unknown,
    options?: { key?: string; delayMs?: number; id?: string },
  ): Promise<{ readonly id: string; readonly deliveries: number; readonly duplicate: boolean }>;
  log(...values: unknown[]): void;
}

/** The last argument of \`fetch(request, env, ctx)\` and its kin. */
interface CordonContext extends CordonServices {
  readonly env: CordonEnv;
  readonly user: CordonUser;
  readonly invocationId: string;
  /** Keeps the sandbox until the promise has settled. */
  waitUntil(promise: Promise<unknown>): void;
  passThroughOnException(): void;
}

/** The second argument of \`handler(event, context)\`. */
interface CordonHandlerContext extends CordonContext {
  readonly functionName: string;
  readonly awsRequestId: string;
  readonly memoryLimitInMB: string;
  getRemainingTimeInMillis(): number;
}

/** What a script body (\`handler_kind = "script"\`) finds as \`ctx\`. */
interface CordonScriptContext<Data = any> extends CordonServices {
  /** The body of the request, or \`{ event, data }\`, or \`{ firedAt, pattern }\`. */
  readonly data: Data;
  /** Who called; all null for what an event or a schedule started. */
  readonly user: CordonUser;
  readonly request: Request;
  readonly env: CordonEnv;
  readonly invocationId: string;
  /** To the hosts that the operator and the function's own rules allow. */
  fetch(
    input: string | URL | Request,
    init?: RequestInit,
  ): Promise<{
    readonly status: number;
    readonly ok: boolean;
    readonly headers: Readonly<Record<string, string>>;
    readonly url: string;
    readonly text: string;
  }>;
  waitUntil(promise: Promise<unknown>): void;
}

declare const ctx: CordonScriptContext;
declare const env: CordonEnv;

declare const EdgeRuntime: {
  waitUntil(promise: Promise<unknown>): void;
};

declare namespace Deno {
  type ServeHandler = (request: Request) => Response | Promise<Response>;
  const env: {
    get<Name extends string>(name: Name): CordonEnv[Name];
    has(name: string): boolean;
    toObject(): Record<string, string>;
  };
  function serve(handler: ServeHandler): object;
  function serve(options: object, handler: ServeHandler): object;
  function serve(options: { readonly handler: ServeHandler }): object;
}
`;
