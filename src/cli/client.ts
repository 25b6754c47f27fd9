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

export interface Client {
  readonly url: string;
  /** With the admin token; throws a {@link CliError} with the fault's sentence for a status of 400 and above. */
  admin(request: ClientRequest): Promise<Response>;
  /** With the admin token where there is one. */
  optional(request: ClientRequest): Promise<Response>;
  /** Without it: a function may see its caller's headers, and must never see the operator's token. */
  anonymous(request: ClientRequest): Promise<Response>;
}

export function createClient(directory: string = process.cwd()): Client {
  const { url, adminToken, dataDir } = loadClientConfig(directory);
  const token = (): string | null => adminToken ?? readAdminToken(dataDir);
  return {
    url,
    anonymous: (request) => send(url, request, null),
    optional: (request) => send(url, request, token()),
    async admin(request) {
      const found = token();
      if (found === null) {
        throw new CliError(
          `there is no admin token: set CORDON_ADMIN_TOKEN, or run this where the server keeps its data (no token file in ${dataDir})`,
        );
      }
      const response = await send(url, request, found);
      if (!response.ok) throw new CliError(await faultText(response));
      return response;
    },
  };
}

/** The sentence of a fault, and where in the input it went wrong. */
export async function faultText(response: Response): Promise<string> {
  const text = await response.text();
  const problem = parseProblem(text);
  if (problem === null) return `the server answered ${response.status}: ${text.slice(0, 2000)}`;
  // A sentence that names its one issue already need not be followed by it.
  const issues = (problem.issues ?? []).filter((issue) => !problem.detail.includes(issue));
  return [problem.detail, ...issues].join('\n');
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

function parseProblem(text: string): Pick<ProblemBody, 'detail' | 'issues'> | null {
  try {
    const value = JSON.parse(text) as Partial<ProblemBody> | null;
    return typeof value?.detail === 'string'
      ? { detail: value.detail, ...(Array.isArray(value.issues) ? { issues: value.issues } : {}) }
      : null;
  } catch {
    return null;
  }
}
