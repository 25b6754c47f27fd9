/** Attack table: the list of attacks as a page of the manual. */

import { ATTACK_CLASSES, type Attack, type AttackClass } from './attack.ts';

const MEANINGS: Readonly<Record<AttackClass, string>> = {
  realm: 'Out of the engine’s realm, into the one that hosts it. No value may lead there, and no text may become code.',
  intrinsics:
    'What every part of a realm relies on, patched. Nothing of ours may pass by, and requests are answered as before.',
  results:
    'Values and errors that bite whoever looks at them. Each ends in an answer or a coded fault, and the next call is served.',
  cpu: 'Never giving the processor back. Each ends within its time in its fault, and the function can be called again.',
  memory: 'Taking more memory than was granted, in the heap and beside it. The same.',
  floods: 'More lines, bytes, calls, headers than anybody can take.',
  tenant: 'What is another tenant’s: functions, sources, secrets, logs, names. A refusal, and no trace of a secret.',
  host: 'What is the machine’s and the operator’s: files, environment, processes, the operator’s origin.',
  egress: 'Addresses that no function may reach, in every spelling. Refused before anything is connected to.',
  http: 'The bytes of the protocol on the public port. What two readers could understand differently is refused.',
  identity: 'Being somebody else.',
  uploads: 'Sources and settings as hostile as running code.',
};

export function attackPage(attacks: readonly Attack[]): string {
  return `${[INTRODUCTION, ...ATTACK_CLASSES.map((name) => sectionOf(name, attacks))].join('\n\n')}\n`;
}

const INTRODUCTION = `# The attacks that \`cordon attest\` makes

This page is made from the attacks themselves (\`src/attest/attacks/\`); a test holds it to them.

Every attack is judged by what it set out to do, and by three more things: the server still runs, a victim in another tenant answers, and nothing that the attacker was told holds a secret: of the victim, of its log, of the server’s environment, of a file or a listener of the machine. All the while the victim is asked for its greeting 50 times a second. Over the whole suite the server’s own memory may grow by 50 MB, 99.9 % of the victim’s requests must be answered, and 99 % of them within 250 ms (on a machine that is busy with other things: within three times what it takes there without any attack).

An attack with a tier is run once in each of its tiers that works on the machine. One that is marked *own server* needs a server that the suite has started for itself, and is skipped with \`--url\`.`;

function sectionOf(name: AttackClass, attacks: readonly Attack[]): string {
  const own = attacks.filter((attack) => attack.class === name);
  const rows = own.map(
    (attack) => `| ${attack.name} | ${attack.tiers?.join(', ') ?? '–'} |${attack.private ? ' own server |' : ' |'}`,
  );
  return `## ${name} (${own.length})\n\n${MEANINGS[name]}\n\n| attack | tiers | |\n|---|---|---|\n${rows.join('\n')}`;
}
