/** Progress: a bar on a terminal, a line for each tenth elsewhere. On standard error: standard output is for results. */

import { styleText } from 'node:util';

export interface Progress {
  show(done: number, total: number, what: string): void;
  end(): void;
}

const BAR_CHARS = 30;
/** A terminal need not be told more often than an eye can follow. */
const REDRAW_MS = 50;

export function progress(stream: NodeJS.WriteStream = process.stderr): Progress {
  return stream.isTTY ? barOn(stream) : linesOn(stream);
}

function barOn(stream: NodeJS.WriteStream): Progress {
  let drawnMs = Number.NEGATIVE_INFINITY;
  let isDrawn = false;
  return {
    show(done, total, what) {
      if (performance.now() - drawnMs < REDRAW_MS && done < total) return;
      drawnMs = performance.now();
      isDrawn = true;
      const filled = total === 0 ? BAR_CHARS : Math.round((done / total) * BAR_CHARS);
      const bar = styleText('green', '█'.repeat(filled), { stream }) + '░'.repeat(BAR_CHARS - filled);
      stream.write(`\r\x1b[2K${bar} ${percent(done, total)} %  ${what}`);
    },
    end() {
      if (isDrawn) stream.write('\n');
    },
  };
}

function linesOn(stream: NodeJS.WriteStream): Progress {
  let lastTenth = -1;
  return {
    show(done, total, what) {
      const tenth = Math.floor(percent(done, total) / 10);
      if (tenth === lastTenth) return;
      lastTenth = tenth;
      stream.write(`${percent(done, total)} % (${done} of ${total}) ${what}\n`);
    },
    end() {
      // Every line has its end already.
    },
  };
}

const percent = (done: number, total: number): number => (total === 0 ? 100 : Math.floor((done / total) * 100));
