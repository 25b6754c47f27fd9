/** The web API, as far as these modules use it. Each part is loaded by the engine when it is read, so it is read when it is needed. */

export interface WebSignal {
  readonly aborted: boolean;
  readonly reason: unknown;
  addEventListener(type: 'abort', listener: () => void, options?: { once: boolean }): void;
  removeEventListener(type: 'abort', listener: () => void): void;
}

export interface WebUrl {
  readonly href: string;
  readonly protocol: string;
  readonly username: string;
  readonly password: string;
  readonly host: string;
  readonly hostname: string;
  readonly port: string;
  readonly pathname: string;
  readonly search: string;
  readonly hash: string;
}

export interface WebReader {
  read(): Promise<{ readonly done: boolean; readonly value: unknown }>;
  cancel(reason?: unknown): Promise<void>;
}

export interface WebWriter {
  readonly ready: Promise<void>;
  write(chunk: unknown): Promise<void>;
  close(): Promise<void>;
  abort(reason?: unknown): Promise<void>;
}

export interface WebController {
  readonly desiredSize: number | null;
  enqueue(chunk: unknown): void;
  close(): void;
  error(reason: unknown): void;
}

interface Web {
  readonly console: Readonly<Record<'debug' | 'error' | 'info' | 'log' | 'warn', (...args: unknown[]) => void>>;
  readonly crypto: {
    readonly subtle: unknown;
    getRandomValues<T>(array: T): T;
    randomUUID(): string;
  };
  readonly performance: { now(): number; readonly timeOrigin: number };
  readonly Blob: unknown;
  readonly File: unknown;
  readonly TextEncoder: new () => { encode(text: string): Uint8Array };
  readonly TextDecoder: new (
    label?: string,
    options?: { fatal?: boolean; ignoreBOM?: boolean },
  ) => { decode(bytes?: Uint8Array, options?: { stream?: boolean }): string };
  readonly URL: new (url: string, base?: string) => WebUrl;
  readonly URLSearchParams: unknown;
  readonly ReadableStream: new (source: object, strategy?: object) => { getReader(): WebReader };
  readonly WritableStream: new (sink: object, strategy?: object) => { getWriter(): WebWriter };
  atob(text: string): string;
  btoa(text: string): string;
  queueMicrotask(callback: () => void): void;
  setTimeout(callback: (...args: unknown[]) => void, delayMs?: number, ...args: unknown[]): number;
  setInterval(callback: (...args: unknown[]) => void, delayMs?: number, ...args: unknown[]): number;
  clearTimeout(id: number): void;
  clearInterval(id: number): void;
}

export const web: Web = globalThis as unknown as Web;
