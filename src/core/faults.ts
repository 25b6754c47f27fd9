/**
 * Faults: every error that leaves Cordon has a code from this one table.
 *
 * The table answers three questions for whoever receives a fault: which HTTP status it is, whose doing it is
 * (the tenant's code and request, or the platform), and whether the same request may be sent again.
 */

export type Blame = 'tenant' | 'platform';

export interface FaultKind {
  readonly status: number;
  readonly blame: Blame;
  /** Whether the same request may succeed when sent again, unchanged. */
  readonly retry: boolean;
  readonly title: string;
}

const tenant = (status: number, title: string): FaultKind => ({ status, blame: 'tenant', retry: false, title });
const platform = (status: number, title: string): FaultKind => ({ status, blame: 'platform', retry: true, title });

export type FaultCode =
  | 'BAD_REQUEST'
  | 'CODE_TOO_LARGE'
  | 'COMPILE_FAILED'
  | 'UNAUTHORIZED'
  | 'FORBIDDEN'
  | 'NOT_FOUND'
  | 'METHOD_NOT_ALLOWED'
  | 'CONFLICT'
  | 'PRECONDITION_FAILED'
  | 'IDEMPOTENCY_MISMATCH'
  | 'QUOTA_EXCEEDED'
  | 'TENANT_SUSPENDED'
  | 'BODY_TOO_LARGE'
  | 'TIER_UNAVAILABLE'
  | 'HEALTH_CHECK_FAILED'
  | 'THROTTLED'
  | 'EGRESS_BLOCKED'
  | 'CANCELLED'
  | 'INTERNAL'
  | 'HANDLER_MISSING'
  | 'HANDLER_THREW'
  | 'LOAD_FAILED'
  | 'BAD_RESPONSE'
  | 'RESPONSE_TOO_LARGE'
  | 'OVERLOADED'
  | 'QUARANTINED'
  | 'SANDBOX_RECYCLED'
  | 'SHUTTING_DOWN'
  | 'TIMED_OUT'
  | 'OUT_OF_MEMORY';

export const FAULTS: Readonly<Record<FaultCode, FaultKind>> = {
  BAD_REQUEST: tenant(400, 'The request is not valid'),
  CODE_TOO_LARGE: tenant(400, 'The function code is too large'),
  COMPILE_FAILED: tenant(400, 'The code does not compile'),
  UNAUTHORIZED: tenant(401, 'A token is needed'),
  FORBIDDEN: tenant(403, 'This is not allowed'),
  NOT_FOUND: tenant(404, 'There is nothing here'),
  METHOD_NOT_ALLOWED: tenant(405, 'This method is not allowed here'),
  CONFLICT: tenant(409, 'The state does not allow this'),
  PRECONDITION_FAILED: tenant(412, 'It has changed since it was read'),
  IDEMPOTENCY_MISMATCH: tenant(422, 'The idempotency key was used for another request'),
  QUOTA_EXCEEDED: tenant(403, 'The quota of the tenant is used up'),
  TENANT_SUSPENDED: tenant(403, 'The tenant is suspended'),
  BODY_TOO_LARGE: tenant(413, 'The request body is too large'),
  TIER_UNAVAILABLE: tenant(422, 'The tier does not work on this machine'),
  HEALTH_CHECK_FAILED: tenant(422, 'The deployed version does not load'),
  THROTTLED: { ...tenant(429, 'Too many requests'), retry: true },
  EGRESS_BLOCKED: tenant(452, 'The outbound request is not allowed'),
  CANCELLED: tenant(499, 'The client went away'),
  INTERNAL: platform(500, 'Cordon failed'),
  HANDLER_MISSING: tenant(502, 'The code has no handler'),
  HANDLER_THREW: tenant(502, 'The handler threw'),
  LOAD_FAILED: tenant(502, 'The code does not load'),
  BAD_RESPONSE: tenant(502, 'The handler returned what cannot be a response'),
  RESPONSE_TOO_LARGE: tenant(502, 'The response is too large'),
  OVERLOADED: platform(503, 'There is no room for this request now'),
  QUARANTINED: { ...tenant(503, 'The function is refused for a while, because it misbehaved'), retry: true },
  SANDBOX_RECYCLED: platform(503, 'The sandbox was recycled under this request'),
  SHUTTING_DOWN: platform(503, 'Cordon is shutting down'),
  TIMED_OUT: tenant(504, 'The execution timed out'),
  OUT_OF_MEMORY: tenant(504, 'The execution ran out of memory'),
};

export interface FaultDetails {
  /** The stack of the user's own error, in the user's own source; never a stack of ours. */
  readonly stack?: string;
  /** When to try again; becomes `Retry-After`. */
  readonly retryAfterSeconds?: number;
  /** Where in the user's input it went wrong, one line each. */
  readonly issues?: readonly string[];
  /** The limit that was hit, where the fault's code does not say it: `<name>=<value>`, as in `cpu-ms=30000`. */
  readonly limit?: string;
  /** It is certain that the code saw nothing of the call. */
  readonly begun?: false;
  /** Of code that does not compile: packages that it imports and that are not there, and Node's modules, as `node:fs`. */
  readonly missing?: readonly string[];
}

/** An error that may be shown to whoever caused it: a code of {@link FAULTS} and a sentence. */
export class Fault extends Error {
  override readonly name = 'Fault';
  readonly code: FaultCode;
  readonly details: FaultDetails;

  constructor(code: FaultCode, message: string, details: FaultDetails = {}) {
    super(message);
    this.code = code;
    this.details = details;
  }

  get status(): number {
    return FAULTS[this.code].status;
  }

  get blame(): Blame {
    return FAULTS[this.code].blame;
  }

  get retry(): boolean {
    return FAULTS[this.code].retry;
  }
}

/** Turns anything thrown into a fault; what was not meant to be shown becomes INTERNAL without its text. */
export function toFault(error: unknown): Fault {
  if (error instanceof Fault) return error;
  return new Fault('INTERNAL', 'Cordon failed to handle this request; the server log has the reason');
}
