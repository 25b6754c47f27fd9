/** Commands: every verb of the command line, in the order in which the help shows them. */

import type { Command } from './command.ts';
import { aliasCommands } from './commands/alias.ts';
import { attestCommand } from './commands/attest.ts';
import { auditCommand } from './commands/audit.ts';
import { canaryCommands } from './commands/canary.ts';
import { completionCommand } from './commands/completion.ts';
import { cronCommands } from './commands/cron.ts';
import { dbCommands } from './commands/db.ts';
import { deadLettersCommands } from './commands/dead-letters.ts';
import { deleteCommand } from './commands/delete.ts';
import { deployCommand } from './commands/deploy.ts';
import { devCommand } from './commands/dev.ts';
import { doctorCommand } from './commands/doctor.ts';
import { executeCommand } from './commands/execute.ts';
import { executorCommand } from './commands/executor.ts';
import { infoCommand } from './commands/info.ts';
import { initCommand } from './commands/init.ts';
import { invokeCommand } from './commands/invoke.ts';
import { listCommand } from './commands/list.ts';
import { logsCommand } from './commands/logs.ts';
import { promoteCommand } from './commands/promote.ts';
import { publishCommand } from './commands/publish.ts';
import { rollbackCommand } from './commands/rollback.ts';
import { secretsCommands } from './commands/secrets.ts';
import { serveCommand } from './commands/serve.ts';
import { tenantsCommands } from './commands/tenants.ts';
import { tiersCommand } from './commands/tiers.ts';
import { tokensCommands } from './commands/tokens.ts';
import { typesCommand } from './commands/types.ts';
import { versionsCommand } from './commands/versions.ts';

/** What only some commands need is loaded when they run. */
export const COMMANDS: readonly Command[] = [
  initCommand,
  devCommand(async (config) => (await import('../runtime.ts')).startServer(config)),
  serveCommand,
  executorCommand(() => import('../executor-service/start.ts')),
  deployCommand,
  listCommand,
  infoCommand,
  invokeCommand,
  executeCommand,
  logsCommand,
  versionsCommand,
  rollbackCommand,
  promoteCommand,
  ...aliasCommands,
  ...canaryCommands,
  publishCommand,
  ...cronCommands,
  ...deadLettersCommands,
  ...secretsCommands,
  ...tokensCommands,
  ...tenantsCommands,
  deleteCommand,
  ...dbCommands(() => import('../runtime.ts')),
  typesCommand,
  auditCommand,
  doctorCommand(() => import('../runtime.ts')),
  tiersCommand(() => import('../runtime.ts')),
  attestCommand,
  completionCommand(() => COMMANDS),
];
