// The command line. Each command is a file in commands/, which loads what it needs when it runs, so
// that help and errors come at once.
//
// Exit codes: 0 it worked, 1 it did not (with a message that says what to do), 2 wrong usage, 3 what a command on a
// resource is about is not there.

import { Command, CommanderError } from 'commander';
import { cacheCommand } from './azure/verbs/cache.ts';
import { clusterCommand } from './azure/verbs/cluster.ts';
import { groupCommand } from './azure/verbs/group.ts';
import { accountCommand, loginCommand, logoutCommand } from './azure/verbs/login.ts';
import { principalCommand } from './azure/verbs/principal.ts';
import { restCommand } from './azure/verbs/rest.ts';
import { roleCommand } from './azure/verbs/role.ts';
import { benchCommand } from './commands/bench.ts';
import { chaosCommand } from './commands/chaos.ts';
import { conformanceCommand } from './commands/conformance.ts';
import { controlCommand } from './commands/control.ts';
import { demoCommand } from './commands/demo.ts';
import { hostCommand } from './commands/host.ts';
import { keyCommand } from './commands/key.ts';
import { localCommand } from './commands/local.ts';
import { simCommand } from './commands/sim.ts';
import { testCommand } from './commands/test.ts';
import { productVersion, versionCommand } from './commands/version.ts';
import { EXIT_FAILED, EXIT_USAGE, printError, printJson } from './output.ts';

const args = process.argv.slice(2);
const json = args.includes('--json');

const program = new Command('atoll')
  .description('Geo-replication beside stock Redis and Valkey.')
  .version(productVersion());

const commands = [
  demoCommand(),
  localCommand(),
  controlCommand(),
  hostCommand(),
  loginCommand(),
  logoutCommand(),
  accountCommand(),
  groupCommand(),
  clusterCommand(),
  cacheCommand(),
  principalCommand(),
  roleCommand(),
  restCommand(),
  keyCommand(),
  conformanceCommand(),
  benchCommand(),
  simCommand(),
  chaosCommand(),
  testCommand(),
  versionCommand(),
];
for (const command of commands) program.addCommand(command);
prepare(program);
// Whoever reads this may have seen enough (`| head`).
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code !== 'EPIPE') throw error;
});

try {
  await program.parseAsync(args, { from: 'user' });
} catch (error) {
  process.exitCode = report(error);
}

/** Errors come back here instead of ending the process, and in JSON where that was asked for. */
function prepare(command: Command): void {
  command.exitOverride();
  command.showHelpAfterError('  `atoll COMMAND --help` shows how it is used.');
  command.configureOutput({
    outputError: (text, write) => {
      if (!json) write(text.replace(/^error: /, 'atoll: '));
    },
  });
  for (const child of command.commands) prepare(child);
}

function report(error: unknown): number {
  if (!(error instanceof CommanderError)) {
    printError(error, json);
    return EXIT_FAILED;
  }
  if (error.exitCode === 0) return 0;
  if (json) {
    const message = error.message.replace(/^error: /, '');
    printJson({ error: { code: 'USAGE', message, action: 'See atoll --help.' } });
  }
  return EXIT_USAGE;
}
