// What goes wrong in a chaos run. Small faults (links that are cut, processes that die or hang and lose nothing) come
// at any time, several at once; great ones (an engine or a whole region is lost, the membership changes) one after
// the other, each once all members take part again, so that some always have the data; but for the one in which all
// engines die at once.

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { OperatorError } from '../../src/base/errors.ts';
import { isRunning, type KnownProcess } from '../../src/engine/pid.ts';
import { readStatusIfUp } from '../../src/group/admin.ts';
import { flushGroup } from '../../src/group/flush.ts';
import { engineOf, type GroupMember, hungOf, replicatorOf } from '../../src/group/group-file.ts';
import { forceLink, joinGroup } from '../../src/group/joining.ts';
import type { LocalGroup } from '../../src/group/local-group.ts';
import { leaveGroup, unlinkMembers } from '../../src/group/membership.ts';
import { startMember, stopMember } from '../../src/group/outages.ts';
import type { Random } from '../sim/random.ts';
import type { History, LossWindow } from './history.ts';
import type { Networks } from './networks.ts';
import type { Watch } from './watch.ts';

const SMALL_AT_ONCE = 2;
/** What repairs a great fault is disturbed by small ones for so long, and so often. */
const DISTURBED_MS = 5_000;
const DISTURBED_CHANCE = 0.4;
const WHOLE_TIMEOUT_MS = 150_000;
const POLL_MS = 50;
/** What an engine answered before it died is read so much later at most; no other serves in its place by then. */
const LATE_ANSWERS_MS = 250;
const ANSWER_MS = 2_000;
const HOUR_MS = 3_600_000;
/** Longer than any engine hangs that is to go on: what hangs for longer is replaced by its standby. */
export const ENGINE_HUNG_AFTER_MS = 6_000;
const REPLACED_MS = 30_000;
const CAPTURED_MS = 60_000;
/** After a clock was set right, until all have seen that. */
const CLOCK_SETTLES_MS = 4_000;

export interface FaultsOptions {
  readonly group: LocalGroup;
  /** null: regions have none of their own. */
  readonly networks: Networks | null;
  readonly regions: readonly string[];
  /** Every engine has one. */
  readonly standbys: boolean;
  readonly random: Random;
  readonly history: History;
  readonly watch: Watch;
  readonly log: (line: string) => void;
}

export class Faults {
  readonly #options: FaultsOptions;
  readonly #counts = new Map<string, number>();
  /** Regions with which something great happens. */
  readonly #struck = new Set<string>();
  #struckAtMs = 0;
  #clockIsWrong = false;
  /** From a great fault until all members took part again. */
  readonly recoveriesMs: number[] = [];
  /** Changes of the membership that were refused, by code, and done later. */
  readonly refusals = new Map<string, number>();

  constructor(options: FaultsOptions) {
    this.#options = options;
  }

  get counts(): Record<string, number> {
    return Object.fromEntries([...this.#counts].sort(([a], [b]) => (a < b ? -1 : 1)));
  }

  /** Small faults until then. Resolves when all are over. */
  async small(stop: AbortSignal): Promise<void> {
    const { random } = this.#options;
    const going = new Set<Promise<void>>();
    while (!stop.aborted) {
      await pause(200 + random.below(2_000), stop);
      if (stop.aborted || going.size >= SMALL_AT_ONCE || !this.#mayDisturb()) continue;
      const fault = random.pick([
        this.#cut,
        this.#cut,
        this.#killReplicator,
        this.#hang,
        this.#hang,
        this.#jumpClock,
        ...(this.#options.networks === null ? [] : [this.#unplug, this.#unplug]),
      ]);
      const one = fault.call(this).finally(() => going.delete(one));
      going.add(one);
    }
    await Promise.all(going);
  }

  /** Great faults until then. Resolves when the last is over. */
  async great(stop: AbortSignal): Promise<void> {
    const { random, regions, standbys, log } = this.#options;
    const kinds = [
      ...(standbys ? [this.#hangForGood, this.#hangForGood, this.#loseAllEngines] : []),
      this.#loseEngine,
      this.#loseEngine,
      this.#loseBoth,
      this.#stopRegion,
      this.#unlink,
      this.#leave,
      this.#forceLink,
      ...(regions.length >= 4 ? [this.#loseTwoEngines, this.#loseTwoEngines] : []),
    ];
    // Each comes once before one comes again. What was written before a flush need not be there, so that comes first;
    // and what was written before all data is lost is not, so that comes early.
    let left: typeof kinds = [];
    if (random.chance(0.5)) await this.#flush(stop);
    let untilAllIsLost = !standbys && random.chance(0.5) ? random.below(3) : -1;
    for (; !stop.aborted; untilAllIsLost--) {
      await pause(500 + random.below(3_000), stop);
      if (stop.aborted) break;
      if (left.length === 0) left = [...kinds];
      const [fault] =
        untilAllIsLost === 0 ? [this.#loseAllEngines] : left.splice(random.below(left.length), 1);
      const region = random.pick(regions);
      const startedMs = performance.now();
      this.#struckAtMs = startedMs;
      this.#struck.add(region);
      await fault?.call(this, region);
      await this.whole();
      this.#struck.clear();
      const tookMs = performance.now() - startedMs;
      this.recoveriesMs.push(tookMs);
      log(`all members take part again, ${(tookMs / 1000).toFixed(1)} s after`);
    }
  }

  #mayDisturb(): boolean {
    if (this.#struck.size === 0) return true;
    const isEarly = performance.now() - this.#struckAtMs < DISTURBED_MS;
    return isEarly && this.#options.random.chance(DISTURBED_CHANCE);
  }

  /** Resolves when every region has a member that takes part and runs; cuts do not matter. */
  async whole(): Promise<void> {
    const { group, regions } = this.#options;
    const deadlineMs = performance.now() + WHOLE_TIMEOUT_MS;
    for (;;) {
      const { members } = await group.status();
      const unfit = regions.filter((region) => {
        const one = members.find((member) => member.region === region);
        if (one === undefined || one.state !== 'linked' || one.stopped) return true;
        return !one.engineRunning || one.replicator?.engine.up !== true;
      });
      if (unfit.length === 0) return;
      if (performance.now() > deadlineMs) {
        const states = members.map(
          ({ region, state, stopped, engineRunning, replicatorRunning }) =>
            `${region}: ${JSON.stringify({ state, stopped, engineRunning, replicatorRunning })}`,
        );
        throw new Error(
          `not all take part again after ${WHOLE_TIMEOUT_MS / 1000} s: ${states.join('; ')}`,
        );
      }
      await delay(POLL_MS);
    }
  }

  // --- small ones ---------------------------------------------------------------------------------

  async #cut(): Promise<void> {
    const { random, regions, group } = this.#options;
    const [a, b] = two(regions, random);
    const forMs = 200 + random.below(4_000);
    // A replicator that was killed just now cannot be told to cut; the other one may have done it.
    if (!(await succeeds(group.cut(a, b)))) {
      await succeeds(group.heal(a, b));
      return;
    }
    this.#tell('link cut', `between ${a} and ${b} for ${forMs} ms`);
    await delay(forMs);
    await succeeds(group.heal(a, b));
  }

  async #killReplicator(): Promise<void> {
    const member = this.#someone();
    if (member === undefined) return;
    if (kill(replicatorOf(this.#options.group.dir, member), 'SIGKILL')) {
      this.#tell('replicator killed', `in ${member.region}`);
    }
  }

  async #hang(): Promise<void> {
    const { random, group } = this.#options;
    const member = this.#someone();
    if (member === undefined) return;
    const isEngine = random.chance(0.5);
    const process = isEngine ? engineOf(group.dir, member) : replicatorOf(group.dir, member);
    const forMs = 300 + random.below(3_500);
    const what = isEngine ? 'engine' : 'replicator';
    if (!kill(process, 'SIGSTOP')) return;
    this.#tell(`${what} hung`, `in ${member.region} for ${forMs} ms`);
    await delay(forMs);
    kill(process, 'SIGCONT');
  }

  /** Traffic with the other regions is lost on the way: no connection is closed. */
  async #unplug(): Promise<void> {
    const { random, regions, networks } = this.#options;
    const region = random.pick(regions);
    // Below and beyond what links bear in silence.
    const forMs = random.chance(0.5) ? 200 + random.below(3_000) : 6_000 + random.below(6_000);
    networks?.set(region, 'down');
    this.#tell('network down', `in ${region} for ${forMs} ms`);
    await delay(forMs);
    networks?.set(region, 'up');
  }

  /** Only while most clocks are right and can be heard: else writes may be held until the time that was wrong comes
   * (docs/decisions/016-clock-guard.md). */
  async #jumpClock(): Promise<void> {
    const { random } = this.#options;
    const member = this.#someone();
    if (member === undefined || this.#clockIsWrong || this.#struck.size > 0) return;
    const shiftMs = (random.chance(0.5) ? 1 : -1) * (1_000 + random.below(HOUR_MS));
    const forMs = 500 + random.below(6_000);
    if (!(await setClock(member, { shiftMs }))) return;
    this.#tell(
      'clock set',
      `by ${Math.round(shiftMs / 1000)} s in ${member.region} for ${forMs} ms`,
    );
    this.#clockIsWrong = true;
    await delay(forMs);
    await setClock(member, { shiftMs: 0 });
    await delay(CLOCK_SETTLES_MS);
    this.#clockIsWrong = false;
  }

  /** Clocks are right, and nothing waits for the time that one of them gave it. */
  async letHeldThrough(): Promise<void> {
    const { group } = this.#options;
    const setting = { shiftMs: 0, maxAheadMs: 2 * HOUR_MS };
    await Promise.all(group.members.map((member) => setClock(member, setting)));
  }

  async #flush(stop: AbortSignal): Promise<void> {
    const { random, group, history, log } = this.#options;
    await pause(2_000 + random.below(4_000), stop);
    if (stop.aborted) return;
    await this.#until('flush', async () => {
      const keys = await flushGroup(group.dir);
      log(`${keys} keys flushed`);
    });
    history.flushedAtMs = Date.now();
    this.#tell('flush', 'of all regions');
  }

  // --- great ones ---------------------------------------------------------------------------------

  async #loseEngine(region: string): Promise<void> {
    this.#tell('engine killed', `in ${region}`);
    await this.#killEngine(region, false);
  }

  async #loseBoth(region: string): Promise<void> {
    this.#tell('engine and replicator killed', `in ${region}`);
    await this.#killEngine(region, true);
  }

  async #loseTwoEngines(region: string): Promise<void> {
    const { random, regions } = this.#options;
    const other = random.pick(regions.filter((one) => one !== region));
    this.#struck.add(other);
    this.#tell('two engines killed', `in ${region} and ${other}`);
    await this.#killEngine(region, false);
    await delay(random.below(2_000));
    await this.#killEngine(other, random.chance(0.5));
  }

  /** What standbys have is not lost; without them the group begins anew, and nothing may come back. */
  async #loseAllEngines(): Promise<void> {
    const { group, regions, standbys, history, log } = this.#options;
    for (const region of regions) this.#struck.add(region);
    const areCaptured = standbys && (await this.#areCaptured(regions));
    const beginnings = this.#beginnings();
    this.#tell('all engines killed', standbys ? 'at once, with standbys' : 'at once');
    const windows = regions.map((region) => this.#mayLose(region, 'logged', 'all were killed'));
    const engines = regions.map((region) => engineOf(group.dir, group.member(region)));
    for (const engine of engines) kill(engine, 'SIGKILL');
    await Promise.all(engines.map(goneOf));
    const lateMs = Date.now() + LATE_ANSWERS_MS;
    for (const window of windows) window.toMs = lateMs;
    await this.whole();
    const hasBegunAnew = this.#beginnings() > beginnings;
    if (hasBegunAnew) history.emptiedAtMs = lateMs;
    log(hasBegunAnew ? 'the group has begun anew' : 'the group goes on with what standbys had');
    if (hasBegunAnew && areCaptured) throw new Error('no standby took the place of its engine');
    if (!hasBegunAnew && !standbys) throw new Error('all data was lost; the group goes on');
  }

  /** Until its standby has taken its place. */
  async #hangForGood(region: string): Promise<void> {
    const { group, log } = this.#options;
    if (!(await this.#areCaptured([region]))) {
      log(`the standby of ${region} is not captured: nothing happens to its engine`);
      return;
    }
    this.#tell('engine hung until it was replaced', `in ${region}`);
    const window = this.#mayLose(region, 'logged', 'its engine hung');
    const engine = engineOf(group.dir, group.member(region));
    const deadlineMs = performance.now() + REPLACED_MS;
    // It may be woken up by another fault that ends.
    while (kill(engine, 'SIGSTOP') && performance.now() < deadlineMs) await delay(POLL_MS);
    window.toMs = Date.now() + LATE_ANSWERS_MS;
    if (!isRunning(engine)) return;
    kill(engine, 'SIGCONT');
    const { obstacle } = hungOf(group.member(region)) ?? {};
    const text = `an engine that hung was not replaced within ${REPLACED_MS / 1000} s: ${obstacle}`;
    // The standby was too far behind.
    if (obstacle?.includes('lacks') !== true) throw new Error(text);
    log(text);
  }

  async #stopRegion(region: string): Promise<void> {
    const { random, group } = this.#options;
    const forMs = 500 + random.below(5_000);
    this.#tell('region stopped', `${region} for ${forMs} ms`);
    const window = this.#mayLose(region, 'logged', 'the region was stopped');
    await this.#until('stop', () => stopMember(group.dir, region));
    await this.#gone(region);
    window.toMs = Date.now() + LATE_ANSWERS_MS;
    await delay(forMs);
    await this.#until('start', () => startMember(group.dir, region));
  }

  async #unlink(region: string): Promise<void> {
    const { random, group, regions } = this.#options;
    const how = random.pick(['running', 'cut off', 'stopped'] as const);
    const apartMs = 500 + random.below(3_000);
    this.#tell('region force-unlinked and force-linked', `${region}, ${how}`);
    const window = this.#mayLose(region, 'shared', `force-unlinked while ${how}`);
    if (how === 'stopped') await this.#until('stop', () => stopMember(group.dir, region));
    if (how === 'cut off') {
      const others = regions.filter((other) => other !== region);
      await Promise.all(others.map((other) => succeeds(group.cut(region, other))));
    }
    if (how !== 'running') await delay(apartMs);
    await this.#until('unlink', () => unlinkMembers(group.dir, [region]), ['MEMBER_UNLINKED']);
    await delay(random.below(3_000));
    if (how === 'stopped' && random.chance(0.5)) {
      await this.#until('start', () => startMember(group.dir, region));
      await delay(random.below(3_000));
    }
    await this.#linkByForce(region);
    window.toMs = Date.now();
  }

  async #forceLink(region: string): Promise<void> {
    this.#tell('region force-linked', region);
    const window = this.#mayLose(region, 'shared', 'wiped');
    await this.#linkByForce(region);
    window.toMs = Date.now();
  }

  async #leave(region: string): Promise<void> {
    const { random, group } = this.#options;
    this.#tell('region left and joined', region);
    await this.#until('leave', () => leaveGroup(group.dir, region), ['MEMBER_UNKNOWN']);
    await delay(random.below(2_000));
    await this.#until('join', () => joinGroup(group.dir, region), ['MEMBER_EXISTS']);
  }

  async #linkByForce(region: string): Promise<void> {
    const { group } = this.#options;
    const formerId = group.member(region).id;
    await this.#until('force-link', async () => {
      // The supervisor finishes what was begun.
      const { id, state } = group.member(region);
      if (id === formerId || state === 'unlinked') await forceLink(group.dir, region);
    });
  }

  // --- what they have in common -------------------------------------------------------------------

  /** Does it, if need be several times: other faults may be in the way of a change. */
  async #until(
    name: string,
    change: () => Promise<void>,
    done: readonly string[] = [],
  ): Promise<void> {
    const deadlineMs = performance.now() + WHOLE_TIMEOUT_MS;
    for (;;) {
      try {
        await change();
        return;
      } catch (error) {
        if (!(error instanceof OperatorError)) throw error;
        if (done.includes(error.code)) return;
        this.#options.log(`${name} was refused: ${error.code}: ${error.message}`);
        this.refusals.set(error.code, (this.refusals.get(error.code) ?? 0) + 1);
        if (performance.now() > deadlineMs) throw error;
        await delay(1_000);
      }
    }
  }

  async #killEngine(region: string, withReplicator: boolean): Promise<void> {
    const { dir } = this.#options.group;
    const member = this.#options.group.member(region);
    const window = this.#mayLose(region, 'logged', 'its engine was killed');
    if (withReplicator) kill(replicatorOf(dir, member), 'SIGKILL');
    kill(engineOf(dir, member), 'SIGKILL');
    await goneOf(engineOf(dir, member));
    window.toMs = Date.now() + LATE_ANSWERS_MS;
  }

  async #gone(region: string): Promise<void> {
    const { dir } = this.#options.group;
    await goneOf(engineOf(dir, this.#options.group.member(region)));
  }

  /** Answers from the time on up to which everything is safe may be lost, until the window is closed. */
  #mayLose(region: string, safe: 'logged' | 'shared', why: string): LossWindow {
    const { watch, history, log } = this.#options;
    const fromMs = safe === 'logged' ? watch.loggedUntilMs(region) : watch.sharedUntilMs(region);
    const window = { region, fromMs, toMs: Number.POSITIVE_INFINITY, why };
    history.windows.push(window);
    log(`answers of ${region} in the last ${Date.now() - fromMs} ms may be lost: ${why}`);
    return window;
  }

  /** Whether the standbys of these regions are captured, as soon as they are; false: not soon. */
  async #areCaptured(regions: readonly string[]): Promise<boolean> {
    const { group } = this.#options;
    const deadlineMs = performance.now() + CAPTURED_MS;
    for (;;) {
      const statuses = await Promise.all(
        regions.map((region) => readStatusIfUp(group.member(region))),
      );
      if (statuses.every((status) => status?.capture?.source === 'standby')) return true;
      if (performance.now() > deadlineMs) return false;
      await delay(POLL_MS);
    }
  }

  /** How often the group has begun anew. */
  #beginnings(): number {
    const log = readFileSync(join(this.#options.group.dir, 'supervisor.log'), 'utf8');
    return log.split('ALL ENGINES HAVE LOST THEIR DATA').length - 1;
  }

  /** A member with which nothing great happens. */
  #someone(): GroupMember | undefined {
    const { random, group } = this.#options;
    const members = group.members.filter(
      ({ region, state, stopped }) => state === 'linked' && !stopped && !this.#struck.has(region),
    );
    return random.pick(members);
  }

  #tell(kind: string, where: string): void {
    this.#counts.set(kind, (this.#counts.get(kind) ?? 0) + 1);
    this.#options.log(`${kind}: ${where}`);
  }
}

/** False: the replicator does not answer. */
async function setClock(member: GroupMember, setting: object): Promise<boolean> {
  const address = `http://${member.host}:${member.adminPort}/clock`;
  const signal = AbortSignal.timeout(ANSWER_MS);
  const request = { method: 'POST', body: JSON.stringify(setting), signal };
  return await fetch(address, request).then(
    (response) => response.ok,
    () => false,
  );
}

function two(regions: readonly string[], random: Random): [string, string] {
  const at = random.below(regions.length);
  const other = (at + 1 + random.below(regions.length - 1)) % regions.length;
  return [regions[at] ?? '', regions[other] ?? ''];
}

/** Whether the process was there. */
function kill(known: KnownProcess, signal: NodeJS.Signals): boolean {
  if (!isRunning(known)) return false;
  try {
    process.kill(known.pid, signal);
    return true;
  } catch {
    return false;
  }
}

async function goneOf(known: KnownProcess): Promise<void> {
  while (isRunning(known)) await delay(5);
}

async function succeeds(action: Promise<void>): Promise<boolean> {
  try {
    await action;
    return true;
  } catch (error) {
    if (error instanceof OperatorError) return false;
    throw error;
  }
}

async function pause(ms: number, stop: AbortSignal): Promise<void> {
  await delay(ms, undefined, { signal: stop }).catch(() => undefined);
}
