/** Version ranges, as npm and JSR write them: `1`, `^1.2`, `~1.2.3`, `>=1 <3`, `1.x || 2.x`. */

interface Version {
  readonly numbers: readonly [number, number, number];
  readonly prerelease: string;
}

const VERSION = /^v?(\d+)(?:\.(\d+))?(?:\.(\d+))?(?:-([0-9A-Za-z.-]+))?(?:\+.*)?$/;
const COMPARATOR = /^(\^|~>?|>=|<=|>|<|=)?\s*v?([\dxX*]+(?:\.[\dxX*]+){0,2})(-[0-9A-Za-z.-]+)?(?:\+\S*)?$/;

/** The highest of the versions that the range allows; null where it allows none. */
export function highest(versions: readonly string[], range: string): string | null {
  const allowed = versions.filter((version) => satisfies(version, range));
  return allowed.sort((a, b) => compare(parse(a)!, parse(b)!)).at(-1) ?? null;
}

export function satisfies(text: string, range: string): boolean {
  const version = parse(text);
  if (version === null) return false;
  return range.split('||').some((all) => {
    const hyphen = /^\s*(\S+)\s+-\s+(\S+)\s*$/.exec(all);
    const parts = (hyphen === null ? all : `>=${hyphen[1]} <=${hyphen[2]}`)
      .replace(/(\^|~>?|>=|<=|>|<|=)\s+/g, '$1')
      .trim()
      .split(/\s+/);
    const allowsPrerelease = parts.some((part) => isPrereleaseOf(part, version));
    return (version.prerelease === '' || allowsPrerelease) && parts.every((part) => allows(part, version));
  });
}

function parse(text: string): Version | null {
  const match = VERSION.exec(text);
  if (match === null) return null;
  const [, major, minor = '0', patch = '0', prerelease = ''] = match;
  return { numbers: [Number(major), Number(minor), Number(patch)], prerelease };
}

function compare(a: Version, b: Version): number {
  for (const i of [0, 1, 2] as const) if (a.numbers[i] !== b.numbers[i]) return a.numbers[i] - b.numbers[i];
  if (a.prerelease === b.prerelease) return 0;
  if (a.prerelease === '' || b.prerelease === '') return a.prerelease === '' ? 1 : -1;
  return comparePrereleases(a.prerelease.split('.'), b.prerelease.split('.'));
}

function comparePrereleases(a: readonly string[], b: readonly string[]): number {
  for (let i = 0; i < Math.max(a.length, b.length); i++) {
    const [left, right] = [a[i], b[i]];
    if (left === right) continue;
    if (left === undefined || right === undefined) return left === undefined ? -1 : 1;
    const numeric = [/^\d+$/.test(left), /^\d+$/.test(right)];
    if (numeric[0] !== numeric[1]) return numeric[0] === true ? -1 : 1;
    return numeric[0] === true ? Number(left) - Number(right) : left < right ? -1 : 1;
  }
  return 0;
}

/** A version before a release is only meant where the range names one of the same release. */
function isPrereleaseOf(part: string, { numbers }: Version): boolean {
  const match = COMPARATOR.exec(part);
  if (match?.[3] === undefined) return false;
  return parse(match[2]!)?.numbers.join('.') === numbers.join('.');
}

function allows(part: string, version: Version): boolean {
  if (part === '' || part === 'latest') return true;
  const match = COMPARATOR.exec(part);
  if (match === null) return false;
  const [, operator = '', numbers = '', prerelease = ''] = match;
  const given = numbers
    .split('.')
    .filter((number) => /^\d+$/.test(number))
    .map(Number);
  if (given.length === 0) return operator !== '<' && operator !== '>';
  const floor: Version = { numbers: filled(given), prerelease: prerelease.slice(1) };
  const isWhole = given.length === 3;
  switch (operator) {
    case '>':
      return isWhole ? compare(version, floor) > 0 : !isBelow(version, next(given, given.length - 1));
    case '>=':
      return compare(version, floor) >= 0;
    case '<':
      return isBelow(version, floor);
    case '<=':
      return isWhole ? compare(version, floor) <= 0 : isBelow(version, next(given, given.length - 1));
    case '^':
      return compare(version, floor) >= 0 && isBelow(version, next(given, Math.min(firstSet(given), given.length - 1)));
    case '~':
    case '~>':
      return compare(version, floor) >= 0 && isBelow(version, next(given, Math.min(1, given.length - 1)));
    default:
      if (isWhole) return compare(version, floor) === 0;
      return compare(version, floor) >= 0 && isBelow(version, next(given, given.length - 1));
  }
}

const filled = (given: readonly number[]): [number, number, number] => [given[0] ?? 0, given[1] ?? 0, given[2] ?? 0];

/** The first version whose number at `index` is one higher. */
function next(given: readonly number[], index: number): Version {
  const numbers = filled(given).map((number, i) => (i < index ? number : i === index ? number + 1 : 0));
  return { numbers: numbers as [number, number, number], prerelease: '' };
}

const isBelow = (version: Version, bound: Version): boolean => compare(version, bound) < 0;

/** Where `^` lets nothing change: the first number that is not zero. */
function firstSet(given: readonly number[]): number {
  const at = given.findIndex((number) => number !== 0);
  return at === -1 ? given.length - 1 : at;
}
