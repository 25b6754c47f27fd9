/** What the compiler is told of the web API, where our own code names its types: this engine's library has none. */

interface ReadableStreamReader<T> {
  read(): Promise<{ readonly done: boolean; readonly value: T }>;
  cancel(reason?: unknown): Promise<void>;
  releaseLock(): void;
}

interface ReadableStream<T = unknown> {
  readonly locked: boolean;
  getReader(): ReadableStreamReader<T>;
  cancel(reason?: unknown): Promise<void>;
  tee(): [ReadableStream<T>, ReadableStream<T>];
}

/** The bundler makes it load a module at the first call. */
declare function require(path: string): unknown;

declare module 'whatwg-url/lib/URL.js' {
  export function install(target: object, globalNames: string[]): void;
}

declare module 'whatwg-url/lib/URLSearchParams.js' {
  export function install(target: object, globalNames: string[]): void;
  export function is(value: unknown): boolean;
}
