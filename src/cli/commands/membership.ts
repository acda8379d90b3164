// `atoll local join|leave|unlink|force-link|flush|quarantine|stop|start`: who takes part in a group on this machine,
// and what becomes of one that was lost.

import { writeFileSync } from 'node:fs';
import { createInterface } from 'node:readline/promises';
import { Command } from 'commander';
import { OperatorError } from '../../base/errors.ts';
import { printable } from '../../base/printable.ts';
import { lossStatement } from '../../group/loss-statement.ts';
import type { JoinProgress } from '../../replicator/join/progress.ts';
import { type DirOptions, inDir, openGroup } from '../group-command.ts';
import { joinText, travelledText } from '../join-view.ts';
import { printJson, printLine, printTable } from '../output.ts';

interface ConfirmedOptions extends DirOptions {
  readonly yes?: boolean;
}

interface JoinOptions extends ConfirmedOptions {
  readonly donor?: string;
  readonly full?: boolean;
}

export function membershipCommands(): Command[] {
  return [
    inDir('join', 'add a member: it takes everything over from another one')
      .argument('<region>', 'where; a region that has none yet')
      .option('--donor <region>', 'from whom; default: the first that answers')
      .action(join),
    confirmed('leave', 'let a member go, once all others have what was written there')
      .argument('<region>')
      .action(leave),
    confirmed('unlink', 'do without a member that is lost; what it alone has is lost to the others')
      .argument('<regions...>', 'several that are lost at once are unlinked at once')
      .action(unlink),
    confirmed('force-link', 'wipe a member and fill it again from another one')
      .argument('<region>')
      .option('--donor <region>', 'from whom; default: the first that answers')
      .option('--full', 'take over everything, also what it still holds')
      .action(forceLink),
    confirmed('flush', 'remove all keys, in all regions').action(flush),
    quarantineCommand(),
    inDir('stop', 'end the processes of a member at once, as an outage would')
      .argument('<region>')
      .action(stop),
    inDir('start', 'let the processes of a stopped member run again')
      .argument('<region>')
      .action(start),
  ];
}

function confirmed(name: string, description: string): Command {
  return inDir(name, description).option('--yes', 'do not ask');
}

async function join(region: string, options: JoinOptions): Promise<void> {
  const { joinGroup } = await import('../../group/joining.ts');
  const group = await openGroup(options);
  await joinGroup(group.dir, region, { donor: options.donor, onProgress: progressOf(options) });
  tell(options, { joined: region }, `${region} is linked`);
}

async function leave(region: string, options: ConfirmedOptions): Promise<void> {
  await confirm(options, `${region} leaves the group; its data there is removed.`);
  const { leaveGroup } = await import('../../group/membership.ts');
  const group = await openGroup(options);
  await leaveGroup(group.dir, group.member(region).region);
  tell(options, { left: region }, `${region} is no member any more; the others have all it wrote`);
}

async function unlink(regions: string[], options: ConfirmedOptions): Promise<void> {
  const group = await openGroup(options);
  const names = regions.map((region) => group.member(region).region);
  const statuses = (await group.status()).members.flatMap((m) => m.replicator ?? []);
  const survivors = statuses.filter((status) => !names.includes(status.region));
  const losses = names.map((name) => ({
    region: name,
    loss: lossStatement(name, survivors, Date.now()) ?? null,
  }));
  const lost = losses.map(({ region, loss }) =>
    loss === null ? `what ${region} alone has is not known` : `lost of ${region}: ${loss.text}`,
  );
  const all = names.join(' and ');
  await confirm(options, `The others go on without ${all}; ${lost.join('; ')}.`);
  const { unlinkMembers } = await import('../../group/membership.ts');
  await unlinkMembers(group.dir, names);
  tell(options, { unlinked: losses }, `unlinked: ${all}; nothing is kept for them any more`);
}

async function forceLink(region: string, options: JoinOptions): Promise<void> {
  const group = await openGroup(options);
  const name = group.member(region).region;
  await confirm(options, `All data of ${name} is wiped, and taken over anew from another member.`);
  const { forceLink: link } = await import('../../group/joining.ts');
  const { donor, full } = options;
  const joined = await link(group.dir, name, { donor, full, onProgress: progressOf(options) });
  const { bytes = null, givenBytes = null, logBytes = null } = joined ?? {};
  const travelled = joined === null ? '' : `; ${travelledText(joined)}`;
  tell(
    options,
    { linked: name, bytes, givenBytes, logBytes },
    `${name} is linked again${travelled}`,
  );
}

async function flush(options: ConfirmedOptions): Promise<void> {
  await confirm(options, 'All keys are removed in all regions.');
  const { flushGroup } = await import('../../group/flush.ts');
  const group = await openGroup(options);
  const removed = await flushGroup(group.dir);
  tell(options, { removed }, `${removed} keys are removed; other regions follow in a moment`);
}

async function stop(region: string, options: DirOptions): Promise<void> {
  const { stopMember } = await import('../../group/outages.ts');
  const group = await openGroup(options);
  await stopMember(group.dir, group.member(region).region);
  tell(options, { stopped: region }, `stopped: ${region}; its data is gone`);
}

async function start(region: string, options: DirOptions): Promise<void> {
  const { startMember } = await import('../../group/outages.ts');
  const group = await openGroup(options);
  await startMember(group.dir, group.member(region).region);
  tell(options, { started: region }, `${region} is being started; see \`atoll local status\``);
}

function quarantineCommand(): Command {
  const quarantine = new Command('quarantine').description(
    'what members that were unlinked have written and nobody else has',
  );
  quarantine.addCommand(inDir('list', 'show it').action(listQuarantine));
  quarantine.addCommand(
    inDir('export', 'write it to a file, one JSON object per line')
      .argument('<region>')
      .argument('<file>')
      .action(exportQuarantine),
  );
  quarantine.addCommand(
    confirmed('merge', 'make these writes again, as new ones')
      .argument('<region>')
      .option('--into <region>', 'where; default: the first linked member')
      .action(mergeQuarantine),
  );
  return quarantine;
}

async function listQuarantine(options: DirOptions): Promise<void> {
  const { listQuarantines } = await import('../../group/quarantines.ts');
  const { existingGroup } = await import('../../group/group-file.ts');
  const group = await openGroup(options);
  const found = listQuarantines(group.dir, existingGroup(group.dir));
  if (options.json === true) {
    printJson(found);
    return;
  }
  const rows = found.flatMap(({ region, ops }) =>
    ops.map(({ seq, atMs, key, command }) => [
      region,
      String(seq),
      new Date(atMs).toISOString(),
      printable(key),
      printable((command ?? ['(no command)']).join(' ')).slice(0, 80),
    ]),
  );
  if (rows.length === 0) printLine('nothing is in quarantine');
  else printTable([['REGION', 'SEQUENCE', 'WRITTEN', 'KEY', 'COMMAND'], ...rows]);
}

async function exportQuarantine(region: string, file: string, options: DirOptions): Promise<void> {
  const { quarantinesOf } = await import('../../group/quarantines.ts');
  const { existingGroup } = await import('../../group/group-file.ts');
  const group = await openGroup(options);
  const found = quarantinesOf(group.dir, existingGroup(group.dir), group.member(region).region);
  const ops = found.flatMap((one) => one.ops);
  writeFileSync(file, ops.map((op) => `${JSON.stringify(op)}\n`).join(''), { mode: 0o600 });
  tell(options, { exported: ops.length, file }, `${ops.length} writes are in ${file}`);
}

async function mergeQuarantine(
  region: string,
  options: ConfirmedOptions & { into?: string },
): Promise<void> {
  const { mergeBack, quarantinesOf } = await import('../../group/quarantines.ts');
  const { existingGroup } = await import('../../group/group-file.ts');
  const { endpointOf } = await import('../../group/member-processes.ts');
  const group = await openGroup(options);
  const file = existingGroup(group.dir);
  const found = quarantinesOf(group.dir, file, group.member(region).region);
  const ops = found.flatMap((one) => one.ops);
  const into =
    options.into === undefined
      ? file.members.find(({ state, stopped }) => state === 'linked' && !stopped)
      : group.member(options.into);
  if (into === undefined) {
    throw new OperatorError('NO_MEMBER', 'no member is linked', 'Link one first.');
  }
  await confirm(options, `${ops.length} writes are made again, as new ones, in ${into.region}.`);
  const { made, refused, skipped } = await mergeBack(ops, endpointOf(file, into));
  const reasons = refused.map(({ op, why }) => `  ${printable(op.key)}: ${why}`);
  const counts = `${made} writes were made again, ${refused.length} refused, ${skipped} are no commands`;
  tell(options, { made, refused, skipped }, [counts, ...reasons].join('\n'));
}

/** Destructive commands ask; where nobody can answer, they need --yes. */
async function confirm(options: ConfirmedOptions, what: string): Promise<void> {
  if (options.yes === true) return;
  if (!process.stdin.isTTY || options.json === true) {
    throw new OperatorError('NOT_CONFIRMED', what, 'Say --yes if that is meant.');
  }
  const terminal = createInterface({ input: process.stdin, output: process.stderr });
  try {
    const answer = await terminal.question(`${what} Go on? [y/N] `);
    if (/^y(es)?$/i.test(answer.trim())) return;
  } finally {
    terminal.close();
  }
  throw new OperatorError('NOT_CONFIRMED', 'nothing was done', 'Answer y, or say --yes.');
}

function progressOf(options: DirOptions) {
  let lastLine = '';
  return (progress: JoinProgress) => {
    if (options.json === true) return;
    const line = joinText(progress);
    if (line !== lastLine) process.stderr.write(`${line}\n`);
    lastLine = line;
  };
}

function tell(options: DirOptions, json: object, line: string): void {
  if (options.json === true) printJson(json);
  else printLine(line);
}
