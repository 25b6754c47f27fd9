// Preloaded into a server under test: its wall clock can be made to jump by a signal, as an operator or NTP may do it.

const DAY_MS = 86_400_000;
/** Forward by a day at the first signal, then back by two, then right again. */
const OFFSETS_MS = [DAY_MS, -DAY_MS, 0];
const RealDate = Date;
let offsetMs = 0;

globalThis.Date = class Date extends RealDate {
  constructor(...args) {
    if (args.length === 0) super(Date.now());
    else super(...args);
  }

  static now() {
    return RealDate.now() + offsetMs;
  }
};

process.on('SIGUSR2', () => {
  offsetMs = OFFSETS_MS.shift() ?? 0;
  process.stdout.write(`the clock jumped to ${new Date().toISOString()}\n`);
});
