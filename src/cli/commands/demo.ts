// `atoll demo`: three regions on this machine to play with, gone again when the command ends.

import { randomBytes } from 'node:crypto';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { Command } from 'commander';
import { OperatorError } from '../../base/errors.ts';
import type { LocalGroup } from '../../group/local-group.ts';
import { regionList } from '../arguments.ts';
import type { ViewRow } from '../demo/view.ts';
import { EXIT_INTERRUPTED, interruptible } from '../interrupt.ts';
import { outageLines } from '../outage-view.ts';
import { EXIT_FAILED, printJson, printLine } from '../output.ts';

interface Options {
  readonly regions: string[];
  readonly wan?: boolean;
  readonly plain?: boolean;
  readonly check?: boolean;
  readonly engine?: string;
  readonly json?: boolean;
}

const REDRAW_MS = 500;
/** Without a terminal there is nothing to draw over; a line now and then is enough. */
const REPORT_MS = 2_000;

export function demoCommand(): Command {
  return new Command('demo')
    .description('start regions on this machine to play with; Ctrl-C ends and removes them')
    .option(
      '--regions <a,b,c>',
      'regions to start',
      regionList,
      regionList('eastus,westeurope,japaneast'),
    )
    .option('--wan', 'links as slow as the distance between the regions makes them')
    .option('--plain', 'links without TLS')
    .option('--check', 'a guided tour instead: exits 0 if every region shows what it should')
    .option('--engine <path>', 'engine to run; default: valkey-server or redis-server on PATH')
    .option('--json', 'as JSON: one document per report')
    .action((options: Options) => interruptible((signal) => demo(options, signal)));
}

async function demo(options: Options, signal: AbortSignal): Promise<void> {
  const json = options.json === true;
  if (options.check && options.regions.length < 2) {
    const message = 'the tour needs two regions at least';
    throw new OperatorError('REGION_COUNT', message, 'Name more regions, or leave --regions out.');
  }
  const { LocalGroup } = await import('../../group/local-group.ts');
  const dir = join(tmpdir(), `atoll-demo-${randomBytes(4).toString('hex')}`);
  let group: LocalGroup | null = null;
  try {
    if (!json) printLine(`Starting ${options.regions.join(', ')} on this machine ...`);
    group = await LocalGroup.up({ ...options, dir, owned: true });
    if (options.check) await check(group, json, signal);
    else if (!signal.aborted) await show(group, json, signal);
  } finally {
    await group?.down();
  }
  if (!json && !options.check) printLine('Stopped; nothing is left behind.');
}

async function check(group: LocalGroup, json: boolean, signal: AbortSignal): Promise<void> {
  const { runTour } = await import('../demo/tour.ts');
  const print = json ? () => {} : printLine;
  const steps = await runTour(group, { print, signal });
  if (signal.aborted) {
    process.exitCode = EXIT_INTERRUPTED;
    return;
  }
  const failed = steps.filter((step) => !step.ok);
  if (json) printJson({ ok: failed.length === 0, steps });
  else if (failed.length === 0) printLine('All regions agree on everything.');
  else printLine(`FAILED: ${failed.map((step) => step.title).join('; ')}`);
  if (failed.length > 0) process.exitCode = EXIT_FAILED;
}

async function show(group: LocalGroup, json: boolean, signal: AbortSignal): Promise<void> {
  if (!json) {
    printLine('\nTry it: write in one region, read in another.\n');
    for (const { region, enginePort } of group.members) {
      printLine(`  redis-cli -p ${enginePort}    # ${region}`);
    }
    printLine('\nMembers come and go, are cut off, stopped and filled again:\n');
    printLine(
      `  ./atoll local join|stop|start|unlink|force-link|leave|cut|heal ... --dir ${group.dir}`,
    );
    printLine('\nCtrl-C stops and removes everything.\n');
  }
  const { renderView } = await import('../demo/view.ts');
  const inPlace = !json && process.stdout.isTTY;
  const drawEveryMs = inPlace ? REDRAW_MS : REPORT_MS;
  let before = await read(group);
  let drawnLines = 0;
  while (!signal.aborted) {
    await delay(drawEveryMs, undefined, { signal }).catch(() => undefined);
    if (signal.aborted) return;
    const now = await read(group);
    if (json) {
      printLine(JSON.stringify(now));
    } else {
      const statuses = now.flatMap(({ status }) => status ?? []);
      const lines = [...renderView(before, now), ...outageLines(statuses, Date.now())];
      if (inPlace && drawnLines > 0) process.stdout.write(`\x1b[${drawnLines}A\x1b[J`);
      for (const line of lines) printLine(line);
      drawnLines = lines.length;
    }
    before = now;
  }
}

async function read(group: LocalGroup): Promise<ViewRow[]> {
  const { readJoin, readStatusIfUp } = await import('../../group/admin.ts');
  return await Promise.all(
    group.members.map(async (member) => ({
      region: member.region,
      port: member.enginePort,
      state: member.state,
      stopped: member.stopped,
      join: member.state === 'joining' ? await readJoin(member) : null,
      atMs: performance.now(),
      status: await readStatusIfUp(member),
    })),
  );
}
