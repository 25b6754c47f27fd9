/**
 * The parts of the web API that are evaluated at first touch, each once.
 *
 * The bundler makes a function of what is required here (lib/bundle-parts.ts): an isolate in which nobody makes a URL
 * never runs the module that knows URLs. User code may have patched prototypes by then; what these modules hold is
 * nothing that it could not have by other means. While one of them loads it has nothing to give, to a library that looks
 * for a native version of itself, say.
 */

export const streams = (): typeof import('./streams.ts') => require('./streams.ts');
let loadedUrl: typeof import('./url.ts') | null = null;
export const url = (): typeof import('./url.ts') => (loadedUrl ??= require('./url.ts'));
/** Null where there can't be any URL yet. */
export const urlIfLoaded = (): typeof import('./url.ts') | null => loadedUrl;
export const encoding = (): typeof import('./encoding.ts') => require('./encoding.ts');
/** The library makes an encoder when it is evaluated, so there must be one. */
export const urlParser = (): typeof import('./url-parser.ts') => {
  encoding();
  return require('./url-parser.ts');
};
export const encodingStreams = (): typeof import('./encoding-streams.ts') => require('./encoding-streams.ts');
export const multiByte = (): typeof import('./multi-byte.ts') => require('./multi-byte.ts');
export const urlPattern = (): typeof import('./url-pattern.ts') => require('./url-pattern.ts');
export const events = (): typeof import('./events.ts') => require('./events.ts');
export const eventKinds = (): typeof import('./event-kinds.ts') => require('./event-kinds.ts');
export const globalEvents = (): typeof import('./global-events.ts') => require('./global-events.ts');
export const messageChannel = (): typeof import('./message-channel.ts') => require('./message-channel.ts');
export const abort = (): typeof import('./abort.ts') => require('./abort.ts');
export const domException = (): typeof import('./dom-exception.ts') => require('./dom-exception.ts');
export const console = (): typeof import('./console.ts') => require('./console.ts');
export const crypto = (): typeof import('./crypto.ts') => require('./crypto.ts');
export const subtle = (): typeof import('./subtle.ts') => require('./subtle.ts');
export const hashes = (): typeof import('./hashes.ts') => require('./hashes.ts');
export const compression = (): typeof import('./compression.ts') => require('./compression.ts');
export const base64 = (): typeof import('./base64.ts') => require('./base64.ts');
export const cloning = (): typeof import('./structured-clone.ts') => require('./structured-clone.ts');
export const performance = (): typeof import('./performance.ts') => require('./performance.ts');
export const webSocket = (): typeof import('./websocket.ts') => require('./websocket.ts');
export const webSocketServer = (): typeof import('./websocket-server.ts') => require('./websocket-server.ts');
export const eventSource = (): typeof import('./event-source.ts') => require('./event-source.ts');
export const webAssembly = (): typeof import('./web-assembly.ts') => require('./web-assembly.ts');
export const blobUrl = (): typeof import('./blob-url.ts') => require('./blob-url.ts');
export const localFetch = (): typeof import('./local-fetch.ts') => require('./local-fetch.ts');
export const fetching = (): typeof import('./fetch.ts') => require('./fetch.ts');
let loadedBlob: typeof import('./blob.ts') | null = null;
export const blob = (): typeof import('./blob.ts') => (loadedBlob ??= require('./blob.ts'));
export const blobIfLoaded = (): typeof import('./blob.ts') | null => loadedBlob;
let loadedFormData: typeof import('./form-data.ts') | null = null;
export const formData = (): typeof import('./form-data.ts') => (loadedFormData ??= require('./form-data.ts'));
export const formDataIfLoaded = (): typeof import('./form-data.ts') | null => loadedFormData;
export const forms = (): typeof import('./body-forms.ts') => require('./body-forms.ts');
export const fileReader = (): typeof import('./file-reader.ts') => require('./file-reader.ts');
