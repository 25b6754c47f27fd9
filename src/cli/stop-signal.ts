/** Stop signal: how a command that goes on until it is told to stop is told. */

/** One Ctrl-C arrives more than once: from the terminal, from npm, and from the launcher. */
const SAME_SIGNAL_MS = 500;

/** Resolves at the first signal; a second one ends the process at once, and with it every child that it walled. */
export function stopSignal(): Promise<void> {
  return new Promise((resolve) => {
    let firstMs: number | undefined;
    const onSignal = (): void => {
      firstMs ??= performance.now();
      resolve();
      if (performance.now() - firstMs > SAME_SIGNAL_MS) process.exit(130);
    };
    process.on('SIGINT', onSignal).on('SIGTERM', onSignal);
  });
}
