// A simulated group: N regions, clients, faults, all on one thread and in virtual time. One seed decides
// everything. Two phases, as in TigerBeetle's VOPR: first anything may happen; then all faults end, and the
// group must become quiet and equal within bounded time.

import { isHyperLogLog } from '../../src/model/hyperloglog.ts';
import { checkCounts, checkNone, checkRecords, conflictsOf } from './conflict-check.ts';
import { bitsIn } from './model-engine/bitmaps.ts';
import { hyperLogLogOf } from './model-engine/hyperloglog.ts';
import type { ModelClient } from './model-engine/model-client.ts';
import type { KeyContent } from './model-engine/model-engine.ts';
import type { ModelReply } from './model-engine/reply.ts';
import { Network } from './network.ts';
import { Random } from './random.ts';
import { Region } from './region.ts';
import { Schedule } from './schedule.ts';
import { Workload, type Write } from './workload.ts';

const START_MS = 1_700_000_000_000;
const DAMAGING: ReadonlySet<string> = new Set(['APPEND', 'SETRANGE', 'SETBIT', 'BITFIELD']);
const QUIET_WITHIN_MS = 60_000;

export interface WorldOptions {
  readonly seed: number;
  /** Writes made by clients, over all regions. */
  readonly writes?: number;
  /** A region writes when all regions have all that was written before: nothing is concurrent. */
  readonly takeTurns?: boolean;
  /** Called with a line for everything that happens. */
  readonly trace?: (line: string) => void;
}

export interface WorldResult {
  readonly seed: number;
  readonly regions: number;
  readonly writes: number;
  readonly crashes: number;
  readonly cuts: number;
  readonly conflicts: number;
  readonly retries: number;
  readonly races: number;
}

/** What went wrong, with the seed that shows it. */
export class SimulationFailure extends Error {
  constructor(seed: number, message: string) {
    super(`seed ${seed}: ${message}`);
    this.name = 'SimulationFailure';
  }
}

export function simulate(options: WorldOptions): WorldResult {
  return new World(options).run();
}

class World {
  readonly #options: WorldOptions;
  readonly #random: Random;
  readonly #schedule = new Schedule(START_MS);
  readonly #network: Network;
  readonly #regions: Region[];
  readonly #workload: Workload;
  readonly #writes: number;
  readonly #crashing: boolean;
  readonly #cutting: boolean;
  #faultsOver = false;
  #crashes = 0;
  #cuts = 0;

  constructor(options: WorldOptions) {
    this.#options = options;
    const random = new Random(options.seed);
    this.#random = random;
    this.#network = new Network(random, this.#schedule);
    const count = random.pick([2, 2, 3, 3, 3, 4, 5]);
    const ids = Array.from({ length: count }, (_, i) => i + 1);
    const skewed = random.chance(0.4);
    // Modules differ in that.
    const jsonSetEndsExpiry = random.chance(0.5);
    this.#regions = ids.map((id) => {
      const skewMs = skewed ? Math.round(random.between(-3000, 3000)) : random.below(3);
      return new Region(id, ids, skewMs, random, this.#schedule, this.#network, jsonSetEndsExpiry);
    });
    const farMs = random.pick([1, 5, 40, 120]);
    this.#network.connect(this.#regions, () => random.between(0.2, farMs));
    this.#writes = options.writes ?? 60 + random.below(140);
    this.#crashing = random.chance(0.5);
    this.#cutting = random.chance(0.6);
    this.#workload = new Workload(random, {
      keys: 1 + random.below(3),
      mixTypes: random.pick([0, 0.05, 0.3]),
      floats: random.chance(0.4),
      // Keys that expire are removed by each region on its own.
      expiry: random.chance(0.6) && options.takeTurns !== true,
      opaque: random.chance(0.5),
    });
  }

  run(): WorldResult {
    for (const region of this.#regions) {
      if (this.#options.trace !== undefined) region.trace = (line) => this.#trace(line);
      const { key, document } = this.#workload.document;
      region.run(region.engine.connect(), ['JSON.SET', key, '$', document]);
      region.start();
    }
    if (this.#options.takeTurns === true) this.#planTurns();
    else this.#planWrites();
    this.#planExpiryCycles();
    this.#planFaults();
    const schedule = this.#schedule;
    let left = this.#writes;
    this.#onWrite = () => left--;
    while (left > 0) if (!schedule.step(Number.POSITIVE_INFINITY)) this.#fail('time stood still');
    this.#endFaults();
    this.#becomeQuiet();
    this.#check();
    return this.#result();
  }

  #onWrite: () => void = () => {};

  #planWrites(): void {
    const random = this.#random;
    const pace = random.pick([0.3, 2, 10, 30]);
    for (const region of this.#regions) {
      const client = region.engine.connect();
      const next = (): void => {
        if (this.#faultsOver) return;
        if (region.heldForMs > 0) {
          this.#schedule.after(Math.min(region.heldForMs, 0.2), next);
          return;
        }
        this.#write(region, client);
        this.#schedule.after(random.between(0, 2 * pace), next);
      };
      this.#schedule.after(random.between(0, 2 * pace), next);
    }
  }

  #planTurns(): void {
    const random = this.#random;
    const clients = this.#regions.map((region) => ({ region, client: region.engine.connect() }));
    const next = (): void => {
      if (this.#faultsOver) return;
      if (this.#isLevel()) {
        const { region, client } = random.pick(clients);
        this.#write(region, client);
      }
      this.#schedule.after(random.between(1, 5), next);
    };
    this.#schedule.after(1, next);
  }

  #write(region: Region, client: ModelClient): void {
    const write = this.#workload.next(region.now);
    if (this.#addsToDamaged(region, write)) return;
    if (write.length > 1) region.run(client, ['MULTI']);
    for (const args of write) {
      const reply = region.run(client, args);
      this.#notePopped(args, reply);
      this.#trace(() => `${region.id}> ${args.join(' ')} -> ${JSON.stringify(reply)}`);
    }
    if (write.length > 1) region.run(client, ['EXEC']);
    this.#onWrite();
  }

  #planExpiryCycles(): void {
    for (const region of this.#regions) {
      const cycle = (): void => {
        if (region.heldForMs === 0) region.engine.activeExpire(region.now);
        this.#schedule.after(this.#random.between(20, 150), cycle);
      };
      this.#schedule.after(this.#random.between(20, 150), cycle);
    }
  }

  #planFaults(): void {
    const random = this.#random;
    const fault = (): void => {
      if (this.#faultsOver) return;
      if (this.#crashing && random.chance(0.4)) this.#crashOne();
      if (this.#cutting && random.chance(0.6)) this.#cutOne();
      if (random.chance(0.2)) random.pick(this.#regions).reconnectStream();
      this.#schedule.after(random.between(1, 120), fault);
    };
    this.#schedule.after(random.between(1, 60), fault);
  }

  #crashOne(): void {
    const region = this.#random.pick(this.#regions);
    if (!region.isRunning) return;
    this.#crashes++;
    this.#trace(() => `replicator ${region.id} crashes`);
    region.crash();
    this.#schedule.after(this.#random.between(5, 200), () => this.#restart(region));
  }

  #restart(region: Region): void {
    if (region.isRunning) return;
    this.#trace(() => `replicator ${region.id} starts`);
    region.start();
    this.#network.pumpAll();
  }

  #cutOne(): void {
    const a = this.#random.pick(this.#regions);
    const b = this.#random.pick(this.#regions);
    if (a === b) return;
    this.#cuts++;
    this.#trace(() => `cut ${a.id} | ${b.id}`);
    this.#network.setCut(a, b, true);
    this.#schedule.after(this.#random.between(5, 400), () => {
      this.#trace(() => `heal ${a.id} | ${b.id}`);
      this.#network.setCut(a, b, false);
    });
  }

  #endFaults(): void {
    this.#faultsOver = true;
    this.#trace(() => 'faults end');
    for (const region of this.#regions) this.#restart(region);
    this.#network.healAll();
  }

  /** Everybody has everything, nothing is under way, and no key is about to expire. */
  #becomeQuiet(): void {
    const until = this.#schedule.now + QUIET_WITHIN_MS;
    let checkAt = this.#schedule.now;
    while (this.#schedule.step(until)) {
      if (this.#schedule.now < checkAt) continue;
      checkAt = this.#schedule.now + 25;
      if (this.#isQuiet()) return;
    }
    this.#fail(`not quiet after ${QUIET_WITHIN_MS} ms: ${this.#whyNotQuiet()}`);
  }

  /** What any region has written is visible in all. */
  #isLevel(): boolean {
    const first = JSON.stringify(this.#regions[0]?.core?.published.visible);
    return this.#regions.every(
      (r) => r.isQuiet && JSON.stringify(r.core?.published.visible) === first,
    );
  }

  #isQuiet(): boolean {
    if (!this.#isLevel() || this.#regions.some((r) => r.core?.index.opCount !== 0)) return false;
    // Keys whose time comes within the skew of the clocks would look different at one instant.
    return this.#regions.every(
      (r) =>
        r.engine.nextFieldExpiryMs > r.now + 10_000 &&
        r.engine.dump(r.now).every((k) => (k.expiresAtMs ?? Infinity) > r.now + 10_000),
    );
  }

  #whyNotQuiet(): string {
    return this.#regions
      .map((r) => {
        const c = r.core;
        return (
          `region ${r.id}: idle ${c?.isIdle}, waiting ${c?.waitingOps}, ` +
          `captured ${c?.capturedOffset} of ${r.engine.offset}, index ${c?.index.opCount}, ` +
          `visible ${JSON.stringify(c?.published.visible)}`
        );
      })
      .join('; ');
  }

  #check(): void {
    for (const { id, notices } of this.#regions) {
      const refused = notices.filter((notice) =>
        /refused: .*(script|XADD|XSETID|interval)/i.test(notice),
      );
      if (refused.length > 0) this.#fail(`region ${id}: ${refused[0]}`);
    }
    const dumps = this.#regions.map((r) => new Map(r.engine.dump(r.now).map((k) => [k.key, k])));
    const keys = new Set(dumps.flatMap((d) => [...d.keys()]));
    for (const key of [...keys].sort()) {
      const contents = dumps.map((d) => JSON.stringify(d.get(key) ?? null));
      if (contents.some((c) => c !== contents[0])) {
        const shown = contents.map((c, i) => `\n  ${this.#regions[i]?.id}: ${c}`).join('');
        this.#fail(`regions differ on ${key}:${shown}`);
      }
    }
    this.#checkUndisturbed(dumps[0] as Map<string, KeyContent>);
    this.#checkLists(dumps[0] as Map<string, KeyContent>);
    this.#checkStrings(dumps[0] as Map<string, KeyContent>);
    const { document } = this.#workload;
    const fault = document.fault(dumps[0]?.get(document.key)?.content[0]);
    if (fault !== undefined) this.#fail(fault);
    this.#checkConflicts();
  }

  /** A string that only looks like a HyperLogLog, because a string command has changed one: the engine adds to
   * it all the same, and what comes of that depends on its bytes. */
  #addsToDamaged(region: Region, write: Write): boolean {
    const adds = write.filter(([name]) => name?.startsWith('PF'));
    if (adds.length === 0) return false;
    if (write.some(([name = '']) => DAMAGING.has(name))) return true;
    const client = region.engine.connect();
    return adds.flat().some((key) => {
      const reply = region.run(client, ['GET', key]);
      const text = reply.kind === 'bulk' ? reply.text : '';
      return text.startsWith('HYLL') && !isHyperLogLog(text);
    });
  }

  #notePopped(args: readonly string[], reply: ModelReply): void {
    const { key, popped } = this.#workload.queue;
    const isPop = args[0] === 'LPOP' || args[0] === 'RPOP';
    if (isPop && args[1] === key && reply.kind === 'bulk') popped.add(reply.text);
  }

  /** A pushed element is there or was popped, and never both. */
  #checkLists(dump: Map<string, KeyContent>): void {
    const { queue, pile } = this.#workload;
    const left = dump.get(queue.key)?.content ?? [];
    for (const one of left) {
      if (queue.popped.has(one)) this.#fail(`${one} was popped from ${queue.key}, and is back`);
    }
    const seen = new Set([...left, ...queue.popped]);
    const lost = [...queue.pushed].filter((one) => !seen.has(one));
    if (lost.length > 0) this.#fail(`${lost} was pushed to ${queue.key}, and is lost`);
    const there = dump.get(pile.key)?.content ?? [];
    if (there.length !== pile.pushed.size || there.some((one) => !pile.pushed.has(one))) {
      this.#fail(`${pile.key} has ${there}, ${[...pile.pushed]} was pushed`);
    }
  }

  #checkConflicts(): void {
    try {
      checkRecords(this.#regions);
      checkCounts(this.#regions);
      if (this.#options.takeTurns === true) checkNone(this.#regions);
    } catch (error) {
      this.#fail(error instanceof Error ? error.message : String(error));
    }
  }

  /** Every acknowledged write on a key that nobody disturbs is there, exactly once. */
  #checkUndisturbed(dump: Map<string, KeyContent>): void {
    for (const [key, sum] of this.#workload.counters) {
      const content = dump.get(key)?.content ?? [];
      const shown = Number(content.at(-1) ?? 0);
      if (shown !== sum) this.#fail(`${key} shows ${JSON.stringify(content)}, ${sum} was added`);
    }
    for (const [key, members] of this.#workload.sets) {
      const content = new Set(dump.get(key)?.content ?? []);
      const lost = [...members].filter((m) => !content.has(m));
      if (lost.length > 0 || content.size !== members.size) {
        this.#fail(`${key} has ${content.size} members, ${members.size} were added; lost: ${lost}`);
      }
    }
    for (const [key, values] of this.#workload.streams) {
      const entries = (dump.get(key)?.content ?? []).map((entry) => entry.split('"')[3] ?? entry);
      const lost = [...values].filter((v) => !entries.includes(v));
      if (lost.length > 0 || entries.length !== values.size) {
        this.#fail(
          `${key} has ${entries.length} entries, ${values.size} were added; lost: ${lost}`,
        );
      }
    }
  }

  /** Every bit that was set is, and no other; registers are those of all elements. */
  #checkStrings(dump: Map<string, KeyContent>): void {
    const { flags, seen } = this.#workload;
    const set = bitsIn(dump.get(flags.key)?.content[0] ?? '');
    const wanted = [...flags.set].sort((a, b) => a - b);
    if (String(set) !== String(wanted)) this.#fail(`${flags.key} has ${set}, ${wanted} were set`);
    const registers = seen.added.size === 0 ? undefined : hyperLogLogOf(seen.added);
    if (dump.get(seen.key)?.content[0] !== registers) this.#fail(`${seen.key} misses elements`);
  }

  #result(): WorldResult {
    const sum = (of: (r: Region) => number): number =>
      this.#regions.reduce((total, r) => total + of(r), 0);
    return {
      seed: this.#options.seed,
      regions: this.#regions.length,
      writes: this.#writes,
      crashes: this.#crashes,
      cuts: this.#cuts,
      conflicts: sum(conflictsOf),
      retries: sum((r) => r.core?.applyRetries ?? 0),
      races: sum((r) => r.core?.counters.applyRaces ?? 0),
    };
  }

  #trace(line: () => string): void {
    this.#options.trace?.(`${(this.#schedule.now - START_MS).toFixed(3)} ${line()}`);
  }

  #fail(message: string): never {
    throw new SimulationFailure(this.#options.seed, message);
  }
}
