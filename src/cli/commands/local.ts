// `atoll local ...`: groups on this machine that stay when the command has ended.

import { Command, Option } from 'commander';
import { bytesText } from '../../base/amounts.ts';
import { OperatorError } from '../../base/errors.ts';
import type { GroupMember } from '../../group/group-file.ts';
import { hungText } from '../../group/hung-text.ts';
import type { GroupStatus, LocalGroup, MemberStatus } from '../../group/local-group.ts';
import type { ReplicatorStatus } from '../../replicator/status.ts';
import { added, hungAfter, portNumber, regionList } from '../arguments.ts';
import { type DirOptions, inDir, openGroup } from '../group-command.ts';
import { EXIT_INTERRUPTED, interruptible } from '../interrupt.ts';
import { joinText } from '../join-view.ts';
import { outageLines, outagesIn } from '../outage-view.ts';
import { printJson, printLine, printTable } from '../output.ts';
import { conflictsCommand } from './conflicts.ts';
import { membershipCommands } from './membership.ts';

const LOG_LEVELS = ['fatal', 'error', 'warn', 'info', 'debug', 'trace'] as const;

const FUNCTIONS = ['local', 'replicated'] as const;

interface UpOptions {
  readonly dir: string;
  readonly regions: string[];
  readonly plain?: boolean;
  readonly wan?: boolean;
  readonly engine?: string;
  readonly module?: readonly string[];
  readonly standby?: boolean;
  readonly engineHungAfter?: number;
  readonly basePort?: number;
  readonly conflictValues?: boolean;
  readonly functions?: (typeof FUNCTIONS)[number];
  readonly logLevel?: (typeof LOG_LEVELS)[number];
  readonly json?: boolean;
}

export function localCommand(): Command {
  const local = new Command('local').description('groups on this machine');
  local.addCommand(upCommand());
  local.addCommand(
    inDir('status', 'show the members of a group and their links').action(showStatus),
  );
  local.addCommand(
    inDir('cut', 'stop all traffic between two regions, as a partition would')
      .argument('<a>', 'region')
      .argument('<b>', 'region')
      .action(cut),
  );
  local.addCommand(
    inDir('heal', 'let traffic flow again between two regions, or between all')
      .argument('[a]', 'region')
      .argument('[b]', 'region')
      .action(heal),
  );
  for (const command of membershipCommands()) local.addCommand(command);
  local.addCommand(conflictsCommand());
  local.addCommand(
    inDir('down', 'stop a group and remove its files')
      .option('--keep', 'keep the files, logs among them')
      .action(down),
  );
  return local;
}

function upCommand(): Command {
  return inDir('up', 'start a group: an engine and a replicator for each region')
    .requiredOption('--regions <a,b,c>', 'one to five regions, such as eastus', regionList)
    .option('--plain', 'links without TLS')
    .option('--wan', 'links as slow as the distance between the regions makes them')
    .option('--engine <path>', 'engine to run; default: valkey-server or redis-server on PATH')
    .option('--module <path>', 'a module that every engine loads; several times for several', added)
    .option('--standby', "a second engine for each region, which takes the first one's place")
    .option(
      '--engine-hung-after <time>',
      'when an engine that answers nothing is replaced by its standby; 0: never; default: 15s',
      hungAfter,
    )
    .option('--base-port <port>', 'engines from this port on; default: free ports', portNumber)
    .option('--conflict-values', 'record in conflicts what was written, not only who and when')
    .addOption(
      new Option('--functions <where>', 'libraries of functions are local, or replicated').choices(
        FUNCTIONS,
      ),
    )
    .addOption(new Option('--log-level <level>', 'of the replicators').choices(LOG_LEVELS))
    .action(up);
}

async function up(options: UpOptions): Promise<void> {
  const { LocalGroup } = await import('../../group/local-group.ts');
  await interruptible(async (signal) => {
    const { module: modules, engineHungAfter: engineHungAfterMs } = options;
    const group = await LocalGroup.up({ ...options, modules, engineHungAfterMs });
    if (signal.aborted) {
      await group.down();
      process.exitCode = EXIT_INTERRUPTED;
    } else {
      printMembers(group, options.json === true);
    }
  });
}

async function showStatus(options: DirOptions): Promise<void> {
  const group = await openGroup(options);
  const status = await group.status();
  if (options.json) {
    const outages = outagesIn(answered(status), Date.now());
    printJson({ dir: group.dir, ...status, outages, addresses: addresses(group) });
  } else await printStatus(group, status);
}

async function cut(a: string, b: string, options: DirOptions): Promise<void> {
  await (await openGroup(options)).cut(a, b);
  if (options.json) printJson({ cut: [a, b] });
  else printLine(`cut: no traffic between ${a} and ${b}`);
}

async function heal(
  a: string | undefined,
  b: string | undefined,
  options: DirOptions,
): Promise<void> {
  if (a !== undefined && b === undefined) {
    const message = `heal needs two regions, or none for all; got ${a}`;
    throw new OperatorError('REGION_COUNT', message, 'Name the other end of the link too.');
  }
  await (await openGroup(options)).heal(a, b);
  if (options.json) printJson({ healed: a === undefined ? 'all' : [a, b] });
  else printLine(a === undefined ? 'healed: all links' : `healed: ${a} and ${b}`);
}

async function down(options: DirOptions & { keep?: boolean }): Promise<void> {
  const group = await openGroup(options);
  await group.down({ keep: options.keep === true });
  if (options.json) printJson({ stopped: group.dir });
  else printLine(`stopped: ${group.dir}`);
}

/** What other tools read: where clients connect, and where the replicator's admin address is. */
function addresses(group: LocalGroup) {
  return group.members.map((member: GroupMember) => ({
    id: member.id,
    region: member.region,
    host: member.host,
    port: member.enginePort,
    admin: `${member.host}:${member.adminPort}`,
    enginePid: member.enginePid,
    replicatorPid: member.replicatorPid,
  }));
}

function printMembers(group: LocalGroup, json: boolean): void {
  const members = addresses(group);
  if (json) {
    printJson({ dir: group.dir, members });
    return;
  }
  const rows = members.map(({ region, host, port, admin }) => [region, host, String(port), admin]);
  printTable([['REGION', 'HOST', 'PORT', 'REPLICATOR ADMIN'], ...rows]);
}

function lag(lagMs: number | null): string {
  return lagMs === null ? '-' : `${lagMs.toFixed(1)} ms`;
}

function answered(status: GroupStatus): ReplicatorStatus[] {
  return status.members.flatMap(({ replicator }) => (replicator === null ? [] : [replicator]));
}

/** null: it has none. */
function standbyText({ standbyRunning, replicator }: MemberStatus): string | null {
  if (standbyRunning === null) return null;
  if (!standbyRunning) return 'gone';
  const { source, standby } = replicator?.capture ?? {};
  if (standby == null) return 'runs';
  const behind = standby.lagBytes === null ? '' : `, ${bytesText(standby.lagBytes)} behind`;
  if (source === 'standby') return `capture reads from it${behind}`;
  return `runs, but capture reads from the engine: ${standby.obstacle ?? 'it is being changed'}`;
}

async function printStatus(group: LocalGroup, status: GroupStatus): Promise<void> {
  const rows = status.members.map((member, index) => {
    const replicator = member.replicator;
    const links = (replicator?.peers ?? []).map((peer) => {
      const down = peer.stale ? 'STALE' : peer.cut ? 'cut' : 'down';
      const state = peer.connected && !peer.cut ? lag(peer.lagMs) : down;
      return `${peer.region} ${state}`;
    });
    return [
      member.region,
      member.state,
      String(group.members[index]?.enginePort ?? ''),
      member.engineHung === null ? (member.engineRunning ? 'runs' : 'gone') : 'HANGS',
      member.replicatorRunning ? (replicator === null ? 'no answer' : 'runs') : 'gone',
      String(replicator?.engine.keys ?? '?'),
      links.join(', '),
    ];
  });
  printTable([['REGION', 'STATE', 'PORT', 'ENGINE', 'REPLICATOR', 'KEYS', 'LAG FROM'], ...rows]);
  for (const member of status.members) {
    const line = standbyText(member);
    if (line !== null) printLine(`standby of ${member.region}: ${line}`);
  }
  for (const { region, engineHung } of status.members) {
    if (engineHung === null) continue;
    printLine(`ALARM ${region}: its engine HANGS: ${hungText(engineHung, Date.now())}`);
  }
  const supervisor = status.supervisorRunning ? '' : '; its supervisor does not run';
  printLine(`${status.ready ? 'ready' : 'not ready'}${supervisor}`);
  const { readJoin } = await import('../../group/admin.ts');
  for (const member of group.members.filter(({ state }) => state === 'joining')) {
    const progress = await readJoin(member);
    if (progress !== null) printLine(`${member.region} joins: ${joinText(progress)}`);
  }
  for (const line of outageLines(answered(status), Date.now())) printLine(line);
}
