/** An async iterator over what somebody else hands out when it likes: events, ticks. */

interface Feed<T> {
  give(value: T): void;
  end(): void;
  fail(error: unknown): void;
}

interface Waiting<T> {
  resolve(result: IteratorResult<T>): void;
  reject(error: unknown): void;
}

/** `start` begins to listen, and returns what stops it. */
export function emittedBy<T>(start: (feed: Feed<T>) => () => void): AsyncIterableIterator<T> {
  const held: T[] = [];
  const waiting: Waiting<T>[] = [];
  let ended = false;
  let failure: { readonly error: unknown } | null = null;

  let stop = (): void => undefined;

  const finish = (): void => {
    if (ended) return;
    ended = true;
    stop();
    for (const one of waiting.splice(0)) one.resolve({ done: true, value: undefined });
  };
  stop = start({
    give(value) {
      const next = waiting.shift();
      if (next === undefined) held.push(value);
      else next.resolve({ done: false, value });
    },
    end: finish,
    fail(error) {
      const next = waiting.shift();
      if (next === undefined) failure = { error };
      else next.reject(error);
      finish();
    },
  });

  return {
    next() {
      if (held.length > 0) return Promise.resolve({ done: false, value: held.shift()! });
      if (failure !== null) {
        const { error } = failure;
        failure = null;
        return Promise.reject(error);
      }
      if (ended) return Promise.resolve({ done: true, value: undefined });
      return new Promise((resolve, reject) => waiting.push({ resolve, reject }));
    },
    return() {
      held.length = 0;
      finish();
      return Promise.resolve({ done: true, value: undefined });
    },
    throw(error) {
      finish();
      return Promise.reject(error as Error);
    },
    [Symbol.asyncIterator]() {
      return this;
    },
  };
}
