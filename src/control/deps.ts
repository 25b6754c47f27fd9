/** What the operator API is wired to. */

import type { Deployment, FunctionRecord } from '../core/deployment.ts';
import type { LogLine, LogQuery } from '../core/log-line.ts';
import type { Principal } from '../core/principal.ts';

export interface ControlDeps {
  /** Throws UNAUTHORIZED for a header that it doesn't accept. */
  authenticate(authorization: string | undefined): Principal;
  /** Builds, keeps and makes live. Rejects with a Fault for what the operator sent. */
  deploy(deployment: Deployment): Promise<FunctionRecord>;
  readonly functions: {
    functionsOf(tenant: string): Promise<FunctionRecord[]>;
    functionOf(tenant: string, name: string): Promise<FunctionRecord | null>;
    /** False where there is none. */
    deleteFunction(tenant: string, name: string): Promise<boolean>;
  };
  readonly logs: {
    read(query: LogQuery): Promise<LogLine[]>;
    follow(target: Omit<LogQuery, 'limit'>, signal: AbortSignal): AsyncIterableIterator<LogLine>;
  };
  /** Hears of errors that the client is told nothing about. */
  report(error: unknown): void;
}
