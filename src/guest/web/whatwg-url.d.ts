/** Of the library's own parts, which are not typed; a URL record is opaque but for what a setter assigns. */
declare module 'whatwg-url/lib/url-state-machine.js' {
  export interface UrlRecord {
    scheme: string;
    readonly username: string;
    readonly password: string;
    readonly host: unknown;
    port: number | null;
    path: unknown;
    query: string | null;
    fragment: string | null;
  }
  export function basicURLParse(
    input: string,
    options?: { baseURL?: UrlRecord | null; url?: UrlRecord; stateOverride?: string },
  ): UrlRecord | null;
  export function serializeURL(url: UrlRecord): string;
  export function serializeURLOrigin(url: UrlRecord): string;
  export function serializeHost(host: unknown): string;
  export function serializePath(url: UrlRecord): string;
  export function setTheUsername(url: UrlRecord, username: string): void;
  export function setThePassword(url: UrlRecord, password: string): void;
  export function cannotHaveAUsernamePasswordPort(url: UrlRecord): boolean;
  export function hasAnOpaquePath(url: UrlRecord): boolean;
}

declare module 'whatwg-url/lib/urlencoded.js' {
  export function parseUrlencodedString(input: string): [string, string][];
}
