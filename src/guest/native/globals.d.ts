/** What the compiler is told where code for a bare engine is read beside Node's types, which lack these names. */

// oxlint-disable-next-line typescript/triple-slash-reference -- ambient modules have no name to be imported by
/// <reference path="../web/whatwg-url.d.ts" />

interface ReadableStreamReader<T> {
  read(): Promise<{ readonly done: boolean; readonly value: T }>;
  cancel(reason?: unknown): Promise<void>;
  releaseLock(): void;
}
