/** What a part of a bundle (see bundle-parts.ts) imports, and what it exports, as text that can stand inside of a function. */

/** Of the core, under names that no part has; each part takes those it needs when it is evaluated. */
export class CoreImports {
  readonly #names = new Map<string, string>();
  readonly #namespaces = new Map<string, string>();

  /** Each name with the module that it is of. */
  get taken(): (readonly [imported: string, from: string])[] {
    return [...this.#names.keys()].map((key) => JSON.parse(key) as [string, string]);
  }

  get text(): string {
    const named = this.taken.map(
      ([imported, from]) => `import { ${imported} as ${this.#nameOf(imported, from)} } from ${JSON.stringify(from)};`,
    );
    const whole = [...this.#namespaces].map(([name, from]) => `import * as ${name} from ${JSON.stringify(from)};`);
    return [...named, ...whole].join('\n');
  }

  take(clause: string, from: string): string {
    const names = namesOf(clause);
    for (const [imported, local] of names) if (imported === '*') this.#addNamespace(local, from);
    return names
      .filter(([imported]) => imported !== '*')
      .map(([imported, local]) => `const ${local} = ${this.#nameOf(imported, from)};`)
      .join('');
  }

  #nameOf(imported: string, from: string): string {
    const key = JSON.stringify([imported, from]);
    const name = this.#names.get(key) ?? `$core${this.#names.size}`;
    this.#names.set(key, name);
    return name;
  }

  /** A namespace that is taken as a value has to be made, with an accessor for each of its members. So it keeps its name. */
  #addNamespace(name: string, from: string): void {
    const other = this.#namespaces.get(name) ?? from;
    if (other !== from) throw new Error(`Parts call both ${other} and ${from} ${name}`);
    this.#namespaces.set(name, from);
  }
}

export function fromPart(clause: string, part: string): string {
  return namesOf(clause)
    .map(([imported, local]) => `const ${local} = ${part}${imported === '*' ? '' : `.${imported}`};`)
    .join('');
}

/** `{ a, b as c }`, `* as d` and `e` as pairs of the exported name and the local one. */
function namesOf(clause: string): (readonly [imported: string, local: string])[] {
  const braces = /\{([^}]*)\}/.exec(clause);
  const rest = clause
    .replace(/\{[^}]*\}/, '')
    .replace(/,/g, '')
    .trim();
  const whole = /^\* as (\S+)$/.exec(rest);
  const outside = whole !== null ? [['*', whole[1]!] as const] : rest === '' ? [] : [['default', rest] as const];
  return [...outside, ...renamings(braces?.[1] ?? '')];
}

function renamings(list: string): (readonly [from: string, to: string])[] {
  const each = list.split(',').map((name) => name.trim().split(' as '));
  return each.filter(([from]) => from !== '').map(([from, to]) => [from!, to ?? from!]);
}

export const exportsOf = (names: string): string[] =>
  renamings(names).map(([local, exported]) => `${exported}: ${local}`);
