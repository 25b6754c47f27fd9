/** `cordon completion`: a script by which a shell completes commands and options, made from the table of commands. */

import { UsageError } from '../command.ts';
import type { Command } from '../command.ts';
import { optionsOf } from '../input.ts';
import { write, writeJson } from '../terminal.ts';

type Shell = 'bash' | 'zsh' | 'fish';

/** `commands`: asked for when it runs, because this command is one of them. */
export function completionCommand(commands: () => readonly Command[]): Command {
  return {
    name: 'completion',
    operands: 'bash|zsh|fish',
    summary: 'Print a script that completes commands and options in a shell',
    options: [],
    examples: [
      ['source <(cordon completion bash)', 'in ~/.bashrc'],
      ['source <(cordon completion zsh)', 'in ~/.zshrc, after compinit'],
      ['cordon completion fish > ~/.config/fish/completions/cordon.fish', 'once'],
    ],
    async run(input) {
      const shell = input.one('the shell');
      if (!isShell(shell)) throw new UsageError(`there is a script for bash, zsh and fish, but not for ${shell}`);
      const script = SCRIPTS[shell](wordsOf(commands()));
      await (input.json ? writeJson({ shell, script }) : write(script));
      return 0;
    },
  };
}

interface Word {
  readonly word: string;
  readonly meaning: string;
}

/** What may follow, by what stands on the line already: '' (nothing), `secrets`, `secrets set`. */
type Words = ReadonlyMap<string, readonly Word[]>;

function wordsOf(commands: readonly Command[]): Words {
  const words = new Map<string, Word[]>([['', []]]);
  for (const command of commands) {
    const [first, second] = command.name.split(' ') as [string, string?];
    const top = words.get('')!;
    if (!top.some(({ word }) => word === first))
      top.push({ word: first, meaning: second === undefined ? command.summary : `Commands for ${first}` });
    if (second !== undefined)
      words.set(first, [...(words.get(first) ?? []), { word: second, meaning: command.summary }]);
    words.set(
      command.name,
      optionsOf(command).map(({ name, meaning }) => ({ word: `--${name}`, meaning })),
    );
  }
  words.get('')!.push({ word: 'help', meaning: 'Tell of a command' });
  words.set(
    'help',
    words.get('')!.filter(({ word }) => word !== 'help'),
  );
  return words;
}

const isShell = (name: string): name is Shell => Object.hasOwn(SCRIPTS, name);

/** Between single quotes, a single quote ends them, stands by itself, and begins them again. */
const quoted = (text: string): string => `'${text.replaceAll("'", `'\\''`)}'`;

const SCRIPTS: Readonly<Record<Shell, (words: Words) => string>> = {
  bash: (words) => `_cordon() {
  local current="\${COMP_WORDS[COMP_CWORD]}" first="\${COMP_WORDS[1]}" both="\${COMP_WORDS[1]} \${COMP_WORDS[2]}" words=
  if [ "$COMP_CWORD" -eq 1 ]; then words=${quoted(joined(words.get('')!))}
  else
    case "$([ "$COMP_CWORD" -gt 2 ] && echo "$both")" in
${cases(words, true)}
    *)
      case "$first" in
${cases(words, false)}
      esac ;;
    esac
  fi
  COMPREPLY=($(compgen -W "$words" -- "$current"))
  if [ \${#COMPREPLY[@]} -eq 0 ]; then COMPREPLY=($(compgen -f -- "$current")); fi
}
complete -F _cordon cordon
`,
  zsh: (words) => `#compdef cordon
_cordon() {
  local -a choices
  local key=''
  case "$CURRENT" in
  2) ;;
  3) key="$words[2]" ;;
  *) key="$words[2] $words[3]" ;;
  esac
  case "$key" in
${[...words].map(([key, list]) => zshCase(key, list)).join('\n')}
  esac
  _describe 'cordon' choices
  _files
}
compdef _cordon cordon
`,
  fish: (words) => `complete -c cordon -e
complete -c cordon -f -n '__fish_use_subcommand'
${[...words].flatMap(([key, list]) => list.map(({ word, meaning }) => fishLine(key, word, meaning))).join('\n')}
`,
};

const joined = (list: readonly Word[]): string => list.map(({ word }) => word).join(' ');

function cases(words: Words, isPair: boolean): string {
  return [...words]
    .filter(([key]) => key !== '' && key.includes(' ') === isPair)
    .map(([key, list]) => `      ${quoted(key)}) words=${quoted(joined(list))} ;;`)
    .join('\n');
}

/** Whatever follows a whole command is its own; a colon separates word and meaning. */
function zshCase(key: string, list: readonly Word[]): string {
  const isOneWordCommand = !key.includes(' ') && list.some(({ word }) => word.startsWith('--'));
  const pattern = isOneWordCommand ? `${quoted(key)}|${quoted(`${key} `)}*` : quoted(key);
  const choices = list.map(({ word, meaning }) => quoted(`${word}:${meaning.replaceAll(':', '\\:')}`));
  return `  ${pattern}) choices=(${choices.join(' ')}) ;;`;
}

function fishLine(key: string, word: string, meaning: string): string {
  const seen = key
    .split(' ')
    .map((part) => `__fish_seen_subcommand_from ${part}`)
    .join('; and ');
  const condition = key === '' ? '__fish_use_subcommand' : seen;
  const what = word.startsWith('--') ? `-l ${word.slice(2)}` : `-a ${word}`;
  return `complete -c cordon -n ${fishQuoted(condition)} ${what} -d ${fishQuoted(meaning)}`;
}

const fishQuoted = (text: string): string => `'${text.replaceAll(/['\\]/g, (character) => `\\${character}`)}'`;
