/** Client: a running server, as the commands see it. */

import { readAdminToken } from '../auth/admin-token.ts';
import { loadClientConfig } from '../config.ts';
import type { ProblemBody } from '../core/problem.ts';
import { CliError } from './command.ts';

export interface ClientRequest {
  readonly method: string;
  readonly path: string;
  readonly headers?: readonly (readonly [string, string])[];
  readonly body?: string | Uint8Array<ArrayBuffer>;
}

type Query = Readonly<Record<string, string | number | undefined>>;

/** What is left out is not sent. */
export interface ApiRequest {
  readonly query?: Query;
  /** Becomes JSON. */
  readonly body?: unknown;
}

export interface Client {
  readonly url: string;
  /**
   * A route of the operator API, with the admin token, and the JSON of its answer (null where it has none). Throws a
   * {@link ServerFault} for a status of 400 and above. T is what that route promises.
   */
  api<T>(method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE', path: string, request?: ApiRequest): Promise<T>;
  /** The same, unread. */
  stream(path: string, query: Query): Promise<Response>;
  /** With the admin token where there is one; whatever the status is. */
  optional(request: ClientRequest): Promise<Response>;
  /** Without it: a function may see its caller's headers, and must never see the operator's token. */
  anonymous(request: ClientRequest): Promise<Response>;
}

/** What the server answered in place of what was asked for. */
export class ServerFault extends CliError {
  readonly status: number;
  /** Null: it was no problem document. */
  readonly code: string | null;

  constructor(status: number, text: string) {
    const problem = parseProblem(text);
    super(problem === null ? `the server answered ${status}: ${text.slice(0, 2000)}` : sentence(problem));
    this.status = status;
    this.code = problem?.code ?? null;
  }
}

/** The server that the environment names, with the token that belongs to it. */
export function createClient(directory: string = process.cwd()): Client {
  const { url, adminToken, dataDir } = loadClientConfig(directory);
  return clientOf(url, () => adminToken ?? readAdminToken(dataDir), dataDir);
}

export function clientOf(url: string, token: () => string | null, dataDir: string): Client {
  const admin = async (request: ClientRequest): Promise<Response> => {
    const found = token();
    if (found === null) {
      throw new CliError(
        `there is no admin token: set CORDON_ADMIN_TOKEN, or run this where the server keeps its data (no token file in ${dataDir})`,
      );
    }
    const response = await send(url, request, found);
    if (!response.ok) throw await faultOf(response);
    return response;
  };
  return {
    url,
    anonymous: (request) => send(url, request, null),
    optional: (request) => send(url, request, token()),
    stream: (path, query) => admin({ method: 'GET', path: withQuery(path, query) }),
    async api<T>(method: string, path: string, { query = {}, body }: ApiRequest = {}) {
      const response = await admin({
        method,
        path: withQuery(path, query),
        ...(body === undefined ? {} : { headers: [['content-type', 'application/json']], body: JSON.stringify(body) }),
      });
      return (await answerOf(response)) as T;
    },
  };
}

/** The route of one function. */
export const functionPath = (name: string, rest = ''): string => `/api/v1/functions/${encodeURIComponent(name)}${rest}`;

/** The sentence of a fault, where in the input it went wrong, and its code. */
export async function faultOf(response: Response): Promise<ServerFault> {
  return new ServerFault(response.status, await response.text());
}

function sentence({ detail, issues = [], code }: Problem): string {
  // A sentence that names its one issue already need not be followed by it.
  const further = issues.filter((issue) => !detail.includes(issue));
  return [code === null ? detail : `${detail} (${code})`, ...further].join('\n');
}

async function answerOf(response: Response): Promise<unknown> {
  const text = await response.text();
  if (text === '') return null;
  try {
    return JSON.parse(text);
  } catch {
    throw new CliError(`${response.url} answered no JSON: is CORDON_URL that of a Cordon server?`);
  }
}

function withQuery(path: string, query: Query): string {
  const pairs = Object.entries(query).flatMap(([name, value]) => (value === undefined ? [] : [[name, String(value)]]));
  return pairs.length === 0 ? path : `${path}?${String(new URLSearchParams(pairs))}`;
}

async function send(
  url: string,
  { method, path, headers = [], body }: ClientRequest,
  token: string | null,
): Promise<Response> {
  try {
    return await fetch(`${url}${path}`, {
      method,
      headers: [
        ...headers.map(([name, value]): [string, string] => [name, value]),
        ...(token === null ? [] : [['authorization', `Bearer ${token}`] as [string, string]]),
      ],
      // A redirect is the function's answer, not a place to send the request again.
      redirect: 'manual',
      ...(body === undefined ? {} : { body }),
    });
  } catch (error) {
    throw new CliError(unreachable(url, error as Error));
  }
}

function unreachable(url: string, error: Error): string {
  const cause = error.cause as NodeJS.ErrnoException | undefined;
  if (cause?.code === 'ECONNREFUSED')
    return `nothing answers at ${url}: start it with "cordon serve", or set CORDON_URL`;
  return `the request to ${url} failed: ${cause?.message ?? error.message}`;
}

interface Problem {
  readonly detail: string;
  readonly issues?: readonly string[];
  readonly code: string | null;
}

function parseProblem(text: string): Problem | null {
  try {
    const value = JSON.parse(text) as Partial<ProblemBody> | null;
    if (typeof value?.detail !== 'string') return null;
    return {
      detail: value.detail,
      code: typeof value.code === 'string' ? value.code : null,
      ...(Array.isArray(value.issues) ? { issues: value.issues.map(String) } : {}),
    };
  } catch {
    return null;
  }
}
