/** Failure: why an outbound request did not come to its end, in words that tell the function nothing of the inside. */

import type { CapabilityRefusal } from '../core/capability.ts';

export type FailureCode =
  /** The policy refused it. */
  | 'EGRESS_BLOCKED'
  /** The function asked for what no client may send. */
  | 'BAD_REQUEST'
  | 'DNS_FAILED'
  | 'CONNECT_FAILED'
  | 'TLS_FAILED'
  /** What came back is not HTTP, or does not decode. */
  | 'BAD_RESPONSE'
  | 'TIMED_OUT'
  | 'TOO_LARGE'
  | 'TOO_MANY_REQUESTS'
  | 'TOO_MANY_REDIRECTS'
  /** A redirect where the function wanted none, or one that needs a body which is gone. */
  | 'UNEXPECTED_REDIRECT'
  | 'ABORTED';

export class EgressFailure extends Error {
  override readonly name: string = 'EgressFailure';
  readonly code: FailureCode;
  /** It took too long, whatever else the code says. */
  readonly isLate: boolean;

  constructor(code: FailureCode, message: string, isLate: boolean = code === 'TIMED_OUT') {
    super(message);
    this.code = code;
    this.isLate = isLate;
  }

  /** What crosses the wall. */
  toRefusal(): CapabilityRefusal {
    return { code: this.code, message: this.message };
  }
}

/** Refused by a rule: it is audited, and may be given to the function as a response. */
export class Refused extends EgressFailure {
  override readonly name: string = 'Refused';
  readonly rule: string;
  readonly host: string;
  /** For the audit alone: a function must not learn what a name means inside. */
  readonly address: string | null;

  constructor(rule: string, host: string, address: string | null = null) {
    super('EGRESS_BLOCKED', messageOf(rule, host));
    this.rule = rule;
    this.host = host;
    this.address = address;
  }

  override toRefusal(): CapabilityRefusal {
    return { ...super.toRefusal(), details: { rule: this.rule, host: this.host } };
  }
}

function messageOf(rule: string, host: string): string {
  if (rule === 'allow-list') return `the allow-list does not name ${host}`;
  if (rule === 'scheme') return `only http and https may leave, not ${host}`;
  return `SSRF guard blocked outbound request to ${host}`;
}

const OF_UNDICI: Readonly<Record<string, readonly [code: FailureCode, text: string]>> = {
  UND_ERR_ABORTED: ['ABORTED', 'the request was aborted'],
  UND_ERR_BODY_TIMEOUT: ['TIMED_OUT', 'the response stopped arriving'],
  UND_ERR_CONNECT_TIMEOUT: ['CONNECT_FAILED', 'no connection was made in time'],
  UND_ERR_HEADERS_OVERFLOW: ['TOO_LARGE', 'the headers of the response are too large'],
  UND_ERR_HEADERS_TIMEOUT: ['TIMED_OUT', 'no response began in time'],
  UND_ERR_INVALID_ARG: ['BAD_REQUEST', 'the request cannot be sent as HTTP'],
  UND_ERR_NOT_SUPPORTED: ['BAD_REQUEST', 'the request cannot be sent as HTTP'],
  UND_ERR_REQ_CONTENT_LENGTH_MISMATCH: ['BAD_REQUEST', 'the body is not as long as its content-length says'],
  UND_ERR_RES_CONTENT_LENGTH_MISMATCH: ['BAD_RESPONSE', 'the response is not as long as its content-length says'],
};

/** What the HTTP client threw, in our words: its own text may hold addresses. */
export function failureOf(error: unknown, host: string): EgressFailure {
  if (error instanceof EgressFailure) return error;
  const { code: rawCode, name } = (error ?? {}) as { readonly code?: unknown; readonly name?: unknown };
  const code = String(rawCode);
  const [known, text] = OF_UNDICI[code] ?? [];
  if (known !== undefined) return new EgressFailure(known, `${host}: ${text}`);
  if (name === 'HTTPParserError') return new EgressFailure('BAD_RESPONSE', `${host} did not answer in HTTP`);
  return new EgressFailure('CONNECT_FAILED', `the connection to ${host} broke`);
}
