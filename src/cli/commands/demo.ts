// `atoll demo`: a control plane with three regions on this machine to play with, gone again when the command ends.

import { setTimeout as delay } from 'node:timers/promises';
import { Command } from 'commander';
import { OperatorError } from '../../base/errors.ts';
import type { LocalGroup } from '../../group/local-group.ts';
import { regionList } from '../arguments.ts';
import type { Playground } from '../demo/playground.ts';
import type { ViewRow } from '../demo/view.ts';
import { EXIT_INTERRUPTED, interruptible } from '../interrupt.ts';
import { outageLines } from '../outage-view.ts';
import { EXIT_FAILED, printJson, printLine } from '../output.ts';
import { productVersion } from './version.ts';

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
  const { Playground } = await import('../demo/playground.ts');
  const say = json ? () => {} : printLine;
  say(
    `Starting a control plane, and ${options.regions.join(', ')} through it, on this machine ...`,
  );
  let playground: Playground | null = null;
  try {
    playground = await Playground.start({ ...options, version: productVersion(), say, signal });
    if (signal.aborted) process.exitCode = options.check === true ? EXIT_INTERRUPTED : 0;
    else if (options.check) await check(playground, json, signal);
    else await show(playground, json, signal);
  } catch (error) {
    // What was under way when it was interrupted fails.
    if (!signal.aborted) throw error;
    if (options.check === true) process.exitCode = EXIT_INTERRUPTED;
  } finally {
    await playground?.stop();
  }
  if (!json && !options.check) printLine('Stopped; nothing is left behind.');
}

async function check(playground: Playground, json: boolean, signal: AbortSignal): Promise<void> {
  const { runTour } = await import('../demo/tour.ts');
  const { runMembershipTour } = await import('../demo/membership-tour.ts');
  const print = json ? () => {} : printLine;
  const connect = (region: string) => playground.connect(region);
  const steps = await runTour(playground.openGroup(), { print, signal, connect });
  steps.push(...(await runMembershipTour(playground, { print, signal }, steps.length)));
  if (signal.aborted) {
    process.exitCode = EXIT_INTERRUPTED;
    return;
  }
  const failed = steps.filter((step) => !step.ok);
  if (json) printJson({ ok: failed.length === 0, steps });
  else if (failed.length === 0) printLine('\nAll regions agree on everything.');
  else printLine(`\nFAILED: ${failed.map((step) => step.title).join('; ')}`);
  if (failed.length > 0) process.exitCode = EXIT_FAILED;
}

async function printManual(playground: Playground): Promise<void> {
  const { plane, configDir, groupDir, regions } = playground;
  const endpoints = await Promise.all(regions.map((region) => playground.endpoint(region)));
  const { owner } = plane;
  const who = `-u ${owner?.clientId} -p ${owner?.clientSecret} --tenant ${plane.tenant}`;
  const lines = [
    '\nTry it: write in one region, read in another.\n',
    ...endpoints.map(
      ({ region, host, port, key }) =>
        `  redis-cli -h ${host} -p ${port} --no-auth-warning -a '${key}'    # ${region}`,
    ),
    `\nThe control plane is at ${plane.url}. In another terminal its commands are logged in with\n`,
    `  export ATOLL_CONFIG_DIR=${configDir}`,
    '\nor with a login of your own:\n',
    `  ./atoll login --service-principal ${who} --url ${plane.url} --ca ${plane.caFile}`,
    '\nMembers come and go by them:\n',
    '  ./atoll redisenterprise list -o table',
    `  ./atoll redisenterprise database flush|force-unlink|... -g demo -n ${regions[0]} --help`,
    '\nand are cut off, stopped and looked into by\n',
    `  ./atoll local status|cut|heal|stop|start|conflicts ... --dir ${groupDir}`,
    '\nCtrl-C stops and removes everything.\n',
  ];
  for (const line of lines) printLine(line);
}

async function show(playground: Playground, json: boolean, signal: AbortSignal): Promise<void> {
  const group = playground.openGroup();
  if (!json) await printManual(playground);
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
      host: member.host,
      port: member.hosted?.tls?.port ?? member.enginePort,
      state: member.state,
      stopped: member.stopped,
      join: member.state === 'joining' ? await readJoin(member) : null,
      atMs: performance.now(),
      status: await readStatusIfUp(member),
    })),
  );
}
