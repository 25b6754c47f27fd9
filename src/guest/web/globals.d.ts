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

/** The bundler makes it load a module at the first call. `never` fits whatever type the caller says the module has. */
declare function require(path: string): never;

/** The bundler's: it makes ordinary functions of all others of these kinds. */
declare const $asyncFunction: object;
declare const $asyncGeneratorFunction: object;
