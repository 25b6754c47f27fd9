/** Install outcome: what an installer said when it did not do its work, in a sentence for whoever deploys. */

import { Fault } from '../../core/faults.ts';
import type { InvocationOutcome } from '../../core/whole-invocation.ts';
import { printable } from '../../lib/printable.ts';
import type { Tool } from './tool.ts';

/** What the tools say when nobody answers, or the way there is closed. */
const OUT_OF_REACH =
  /Tunnel connection failed|Cannot connect to proxy|ProxyError|NewConnectionError|ConnectTimeout|ReadTimeout|Max retries exceeded|SSLError|CERTIFICATE|ENOTFOUND|ECONNREFUSED|ECONNRESET|ETIMEDOUT|EAI_AGAIN|ENETUNREACH|ERR_SOCKET_TIMEOUT|FETCH_ERROR|network request|\b(?:452|502|503|504) (?:Client|Server) Error|\bE(?:452|502|503|504)\b/i;
const REFUSED = /\b452\b|SSRF guard/;
const SAID = /^(?:npm (?:error|ERR!)|ERROR:)\s*(.*)$/;
const STAMP = /^\d{4}-\d\d-\d\dT[\d:,.]+\s+/;
const MAX_SAID_LINES = 12;

/** `cure`: how packages get there without an installer. */
export function failureOf({ response, fault }: InvocationOutcome, tool: Tool, cure: string): Fault {
  if (fault !== null) return ofSandbox(fault, tool, cure);
  const said = printable(Buffer.from(response?.body ?? []).toString('utf8'));
  const lines = said.split('\n').map((line) => line.replace(STAMP, '').trimEnd());
  const errors = [...new Set(lines.flatMap((line) => SAID.exec(line.trim())?.[1] ?? []))].filter((line) => line !== '');
  const issues = errors.slice(0, MAX_SAID_LINES);
  if (OUT_OF_REACH.test(said)) return outOfReach(tool, REFUSED.test(said), issues, cure);
  const why = issues[0] ?? lines.findLast((line) => line !== '') ?? `it answered ${response?.status}`;
  return new Fault('COMPILE_FAILED', `The dependencies can't be installed by ${tool.name}: ${why.slice(0, 500)}`, {
    issues,
  });
}

function outOfReach({ name, registries }: Tool, isRefused: boolean, issues: readonly string[], cure: string): Fault {
  const hosts = registries.map(({ host }) => host).join(', ');
  const why = isRefused
    ? `egress does not allow it (a package that names another place is not to be had; a registry at a private address has to be named in CORDON_EGRESS_ALLOW_PRIVATE, and one beside FUNCTIONS_FETCH_ALLOW in that)`
    : 'it does not answer';
  return new Fault(
    'COMPILE_FAILED',
    `The dependencies can't be installed: ${name} does not reach ${hosts}: ${why}. Either open the way there, or ${cure}`,
    { issues },
  );
}

/** What says nothing of the dependencies is passed on as it is. */
function ofSandbox(fault: Fault, { name }: Tool, cure: string): Fault {
  if (fault.retry || fault.code === 'TIER_UNAVAILABLE') return fault;
  return new Fault(
    'COMPILE_FAILED',
    `The dependencies can't be installed: ${name} ended with ${fault.code}: ${fault.message}. Have fewer of them, or ${cure}`,
  );
}
