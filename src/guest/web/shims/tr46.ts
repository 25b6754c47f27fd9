/**
 * Domain names to ASCII, without the 200 KB of tables of UTS #46. whatwg-url asks for names that hold a character
 * beyond ASCII only.
 *
 * What a label maps to comes from the engine's own Unicode data: compatibility forms (NFKC), lower case, and what is
 * ignored. The tables' exact list of refused characters is approximated by their general categories. The host parses
 * the resulting ASCII name again before it connects anywhere, so nothing rests on this.
 */

const DOTS = /[\u3002\uff0e\uff61]/gu;
/** Soft hyphen, zero-width characters, word joiner, variation selectors. */
const IGNORED = /\u00ad|\u034f|[\u180b-\u180d]|\u200b|\u2060|\u2064|[\ufe00-\ufe0f]|\ufeff/gu;
/** Controls, unassigned, private use, surrogates, separators, and characters that would look like syntax. */
const REFUSED = /[\p{Cc}\p{Cn}\p{Co}\p{Cs}\p{Z}\u200e\u200f\u202a-\u202e\u2061-\u2063\u2066-\u206f\ufff9-\ufffd]/u;
const JOINERS = /[\u200c\u200d]/u;
const VIRAMA = /[\p{M}][\u200c\u200d]/u;
const LEADING_MARK = /^\p{M}/u;

interface Options {
  readonly verifyDNSLength?: boolean;
}

export function toASCII(domain: string, options: Options = {}): string | null {
  const mapped = domain.replace(IGNORED, '').normalize('NFKC').toLowerCase().normalize('NFKC').replace(DOTS, '.');
  const labels: string[] = [];
  for (const label of mapped.split('.')) {
    const ascii = labelToAscii(label);
    if (ascii === null || (options.verifyDNSLength === true && (ascii === '' || ascii.length > 63))) return null;
    labels.push(ascii);
  }
  return labels.join('.');
}

function labelToAscii(label: string): string | null {
  if (/^[\0-\x7f]*$/.test(label)) return label;
  if (label.startsWith('xn--') || REFUSED.test(label) || LEADING_MARK.test(label)) return null;
  if (JOINERS.test(label) && !VIRAMA.test(label)) return null;
  return `xn--${punycode(label)}`;
}

/** RFC 3492, with its parameters for domain names. */
function punycode(label: string): string {
  const points = Array.from(label, (character) => character.codePointAt(0) as number);
  let output = points
    .filter((point) => point < 0x80)
    .map((point) => String.fromCodePoint(point))
    .join('');
  const basicCount = output.length;
  if (basicCount > 0) output += '-';
  let done = basicCount;
  let next = 0x80;
  let delta = 0;
  let bias = 72;
  while (done < points.length) {
    const smallest = Math.min(...points.filter((point) => point >= next));
    delta += (smallest - next) * (done + 1);
    next = smallest;
    for (const point of points) {
      if (point < next) delta++;
      if (point !== next) continue;
      output += variableLength(delta, bias);
      bias = adapted(delta, done + 1, done === basicCount);
      delta = 0;
      done++;
    }
    delta++;
    next++;
  }
  return output;
}

function variableLength(value: number, bias: number): string {
  let output = '';
  let rest = value;
  for (let k = 36; ; k += 36) {
    const threshold = Math.min(Math.max(k - bias, 1), 26);
    if (rest < threshold) return output + digit(rest);
    output += digit(threshold + ((rest - threshold) % (36 - threshold)));
    rest = Math.floor((rest - threshold) / (36 - threshold));
  }
}

function adapted(delta: number, count: number, isFirst: boolean): number {
  let rest = isFirst ? Math.floor(delta / 700) : delta >> 1;
  rest += Math.floor(rest / count);
  let k = 0;
  for (; rest > 455; k += 36) rest = Math.floor(rest / 35);
  return k + Math.floor((36 * rest) / (rest + 38));
}

const digit = (value: number): string => String.fromCharCode(value < 26 ? value + 97 : value + 22);
