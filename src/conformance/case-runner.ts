// Runs one case on a mesh: its steps in order, then the final checks in every region they name.
//
// Between syncs all regions are cut off from each other. The first step that does not show what it should ends the case.

import { setTimeout as delay } from 'node:timers/promises';
import type {
  AwaitStep,
  ConformanceCase,
  FinalCheck,
  Observation,
  Step,
  SyncStep,
} from './case.ts';
import { agree, type Expectation, type JsonReply, matches } from './matcher.ts';
import type { Mesh, PendingReply } from './mesh.ts';

const AWAIT_TIMEOUT_MS = 5_000;

/** What a case showed that it should not have; undefined: it passed. */
export async function runCase(one: ConformanceCase, mesh: Mesh): Promise<string | undefined> {
  const run = new CaseRun(mesh, one.regions);
  try {
    for (const [index, step] of one.steps.entries()) {
      const failure = await run.step(step);
      if (failure !== undefined) return `step ${index + 1}: ${failure}`;
    }
    for (const check of one.final) {
      const failure = await run.check(check);
      if (failure !== undefined) return `final: ${failure}`;
    }
    return undefined;
  } finally {
    run.close();
  }
}

class CaseRun {
  readonly #mesh: Mesh;
  readonly #regions: readonly number[];
  readonly #pending = new Map<string, PendingReply>();

  constructor(mesh: Mesh, regionCount: number) {
    this.#mesh = mesh;
    this.#regions = Array.from({ length: regionCount }, (_, index) => index + 1);
  }

  async step(step: Step): Promise<string | undefined> {
    if ('cmd' in step) {
      const reply = await this.#mesh.run(step.region, step.cmd);
      return 'expect' in step ? difference(step.region, step.cmd, step.expect, reply) : undefined;
    }
    if ('sync' in step) return this.#sync(step);
    if ('await' in step) return this.#await(step);
    if ('sleep_ms' in step) await delay(step.sleep_ms);
    else if ('block' in step) {
      this.#pending.set(step.as, await this.#mesh.block(step.region, step.block));
    } else if ('subscribe' in step) {
      this.#pending.set(step.as, await this.#mesh.subscribe(step.region, step.subscribe));
    } else return 'clocks cannot be moved here';
    return undefined;
  }

  async check({ region, cmd, expect }: FinalCheck): Promise<string | undefined> {
    if (region !== 'all') {
      return difference(region, cmd, expect, await this.#mesh.run(region, cmd));
    }
    const replies = await Promise.all(this.#regions.map((one) => this.#mesh.run(one, cmd)));
    for (const [index, reply] of replies.entries()) {
      const failure = difference(index + 1, cmd, expect, reply);
      if (failure !== undefined) return failure;
    }
    const [first = null, ...others] = replies;
    const other = others.findIndex((reply) => !agree(expect, first, reply));
    if (other < 0) return undefined;
    return `${cmd.join(' ')}: region 1 shows ${shown(first)}, region ${other + 2} ${shown(others[other])}`;
  }

  close(): void {
    for (const pending of this.#pending.values()) pending.close();
  }

  async #sync({ sync, observe = [] }: SyncStep): Promise<string | undefined> {
    const syncing = { done: false };
    const watching = observe.map((one) => this.#observe(one, syncing));
    try {
      await this.#mesh.sync(sync === true ? 'all' : sync);
    } finally {
      syncing.done = true;
    }
    return (await Promise.all(watching)).find((failure) => failure !== undefined);
  }

  /** Reads as often as it can while the regions exchange. */
  async #observe(
    { region, cmd, allowed }: Observation,
    syncing: { done: boolean },
  ): Promise<string | undefined> {
    while (!syncing.done) {
      const reply = await this.#mesh.runApart(region, cmd);
      if (allowed.some((one) => matches(one, reply))) continue;
      return `region ${region}: ${cmd.join(' ')} showed ${shown(reply)} on the way; allowed ${shown(allowed)}`;
    }
    return undefined;
  }

  async #await(step: AwaitStep): Promise<string | undefined> {
    const pending = this.#pending.get(step.await);
    if (pending === undefined) return `nothing is called ${step.await}`;
    const reply = await pending.next(step.timeout_ms ?? AWAIT_TIMEOUT_MS);
    // Where nothing is expected to come, waiting in vain is right.
    const seen = reply ?? null;
    if (matches(step.expect, seen)) return undefined;
    return `${step.await}: expected ${shown(step.expect)}, saw ${reply === undefined ? 'nothing in time' : shown(reply)}`;
  }
}

function difference(
  region: number,
  command: readonly string[],
  expectation: Expectation,
  reply: JsonReply,
): string | undefined {
  if (matches(expectation, reply)) return undefined;
  return `region ${region}: ${command.join(' ')}: expected ${shown(expectation)}, saw ${shown(reply)}`;
}

function shown(value: unknown): string {
  return JSON.stringify(value);
}
