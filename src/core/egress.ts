/** Egress: what a version may reach outside, and what crosses the wall when it asks. */

/** Part of a version. */
export interface EgressRule {
  /** Hosts (`api.example.com`, `*.cdn.io:8443`, `*`); empty: none; null: the operator's default. */
  readonly allow: readonly string[] | null;
  /** How a refusal reaches the function: a thrown TypeError whose cause has `EGRESS_BLOCKED`, or a response of status 452. */
  readonly refusal: 'throw' | 'response';
}

export const DEFAULT_EGRESS: EgressRule = Object.freeze({ allow: null, refusal: 'throw' });

/** The meta of a `fetch` capability call. */
export interface FetchHead {
  readonly method: string;
  readonly url: string;
  /** Name, value, name, value … */
  readonly headers: readonly string[];
  readonly redirect: 'follow' | 'manual' | 'error';
}

/** The meta of its answer; the body follows, decoded. */
export interface FetchReplyHead {
  readonly status: number;
  readonly statusText: string;
  readonly headers: readonly string[];
  /** The last URL of the redirects. */
  readonly url: string;
  readonly redirected: boolean;
}

/** A secret that the function sees as a placeholder, and that is put in its place on the way to these hosts only. */
export interface BoundSecret {
  readonly placeholder: string;
  readonly value: string;
  /** Same patterns as {@link EgressRule.allow}, without `*`. */
  readonly hosts: readonly string[];
}

/** One refusal, for the audit. */
export interface EgressRefusal {
  readonly tenant: string;
  readonly functionName: string;
  readonly version: number;
  readonly invocation: string;
  readonly host: string;
  /** Null where no address had been looked up. */
  readonly address: string | null;
  /** Which rule refused: a range (`private`, `loopback` …), `allow-list`, `scheme`, `port` … */
  readonly rule: string;
  readonly timeMs: number;
}
