/**
 * The parts of the web API that are evaluated at first touch, each once.
 *
 * `require` inside a function is what the bundler turns into lazy evaluation: an isolate in which nobody makes a URL
 * never runs the module that knows URLs. User code may have patched prototypes by then; what these modules hold is
 * nothing that it could not have by other means.
 */

/** Loads once. While it loads it has nothing to give, to a library that looks for a native version of itself, say. */
// oxlint-disable-next-line typescript/no-unnecessary-type-parameters -- `require` knows no types
function once<T>(load: () => unknown): () => T {
  let loaded: T | null = null;
  let loading = false;
  return () => {
    if (loaded !== null || loading) return (loaded ?? {}) as T;
    loading = true;
    try {
      return (loaded = load() as T);
    } finally {
      loading = false;
    }
  };
}

export const streams: () => typeof import('./streams.ts') = once(() => require('./streams.ts'));
let loadedUrl: typeof import('./url.ts') | null = null;
export const url = (): typeof import('./url.ts') => (loadedUrl ??= require('./url.ts') as typeof import('./url.ts'));
/** Null where there can't be any URL yet. */
export const urlIfLoaded = (): typeof import('./url.ts') | null => loadedUrl;
export const encoding: () => typeof import('./encoding.ts') = once(() => require('./encoding.ts'));
/** The library makes an encoder when it is evaluated, so there must be one. */
export const urlParser: () => typeof import('./url-parser.ts') = once(() => {
  encoding();
  return require('./url-parser.ts');
});
export const encodingStreams: () => typeof import('./encoding-streams.ts') = once(() =>
  require('./encoding-streams.ts'),
);
export const multiByte: () => typeof import('./multi-byte.ts') = once(() => require('./multi-byte.ts'));
export const urlPattern: () => typeof import('./url-pattern.ts') = once(() => require('./url-pattern.ts'));
export const events: () => typeof import('./events.ts') = once(() => require('./events.ts'));
export const eventKinds: () => typeof import('./event-kinds.ts') = once(() => require('./event-kinds.ts'));
export const globalEvents: () => typeof import('./global-events.ts') = once(() => require('./global-events.ts'));
export const messageChannel: () => typeof import('./message-channel.ts') = once(() => require('./message-channel.ts'));
export const abort: () => typeof import('./abort.ts') = once(() => require('./abort.ts'));
export const domException: () => typeof import('./dom-exception.ts') = once(() => require('./dom-exception.ts'));
export const console: () => typeof import('./console.ts') = once(() => require('./console.ts'));
export const crypto: () => typeof import('./crypto.ts') = once(() => require('./crypto.ts'));
export const subtle: () => typeof import('./subtle.ts') = once(() => require('./subtle.ts'));
export const hashes: () => typeof import('./hashes.ts') = once(() => require('./hashes.ts'));
export const compression: () => typeof import('./compression.ts') = once(() => require('./compression.ts'));
export const base64: () => typeof import('./base64.ts') = once(() => require('./base64.ts'));
export const cloning: () => typeof import('./structured-clone.ts') = once(() => require('./structured-clone.ts'));
export const performance: () => typeof import('./performance.ts') = once(() => require('./performance.ts'));
export const webSocket: () => typeof import('./websocket.ts') = once(() => require('./websocket.ts'));
export const webSocketServer: () => typeof import('./websocket-server.ts') = once(() =>
  require('./websocket-server.ts'),
);
export const eventSource: () => typeof import('./event-source.ts') = once(() => require('./event-source.ts'));
export const webAssembly: () => typeof import('./web-assembly.ts') = once(() => require('./web-assembly.ts'));
export const blobUrl: () => typeof import('./blob-url.ts') = once(() => require('./blob-url.ts'));
export const localFetch: () => typeof import('./local-fetch.ts') = once(() => require('./local-fetch.ts'));
export const fetching: () => typeof import('./fetch.ts') = once(() => require('./fetch.ts'));
let loadedBlob: typeof import('./blob.ts') | null = null;
export const blob = (): typeof import('./blob.ts') =>
  (loadedBlob ??= require('./blob.ts') as typeof import('./blob.ts'));
export const blobIfLoaded = (): typeof import('./blob.ts') | null => loadedBlob;
let loadedFormData: typeof import('./form-data.ts') | null = null;
export const formData = (): typeof import('./form-data.ts') =>
  (loadedFormData ??= require('./form-data.ts') as typeof import('./form-data.ts'));
export const formDataIfLoaded = (): typeof import('./form-data.ts') | null => loadedFormData;
export const forms: () => typeof import('./body-forms.ts') = once(() => require('./body-forms.ts'));
export const fileReader: () => typeof import('./file-reader.ts') = once(() => require('./file-reader.ts'));
