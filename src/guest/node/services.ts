/**
 * What an engine gives to these modules beside the web API. The builder makes it the one argument of a function's bundle,
 * under this name, so that nothing of it stands on the global object.
 */

export interface NodeServices {
  /** The function's own environment. */
  readonly env: Readonly<Record<string, string>>;
  /** What AsyncLocalStorage keeps for the code that runs now; the engine carries it to every continuation, unread. */
  getStores(): unknown;
  /** For the code that runs now, until it returns to the engine. */
  setStores(stores: unknown): void;
  /** Runs `fn` as part of the invocation, and with the stores, of now. */
  bindContext<A extends unknown[], R>(fn: (...args: A) => R): (...args: A) => R;
}

declare const __cordon_node: NodeServices;

export const services: NodeServices = __cordon_node;
