// What must be left of a workload where nothing was lost: what was added is there once, what was popped is not.

import { bitsIn } from './model-engine/bitmaps.ts';
import { hyperLogLogOf } from './model-engine/hyperloglog.ts';
import type { KeyContent } from './model-engine/model-engine.ts';
import type { Workload } from './workload.ts';

/** Throws with what is not as it must be in a region that shows this. Of `uncertain` keys it is not known. */
export function checkWorkload(
  dump: Map<string, KeyContent>,
  workload: Workload,
  uncertain: ReadonlySet<string>,
): void {
  checkUndisturbed(dump, workload, uncertain);
  if (!uncertain.has(workload.queue.key)) checkQueue(dump, workload);
  if (!uncertain.has(workload.pile.key)) checkPile(dump, workload);
  checkStrings(dump, workload);
  const { document } = workload;
  if (uncertain.has(document.key)) return;
  const fault = document.fault(dump.get(document.key)?.content[0]);
  if (fault !== undefined) fail(fault);
}

/** Throws unless a region received every message once; per message how often it did. */
export function checkMessages(
  region: number,
  received: ReadonlyMap<string, number>,
  { news }: Workload,
): void {
  for (const message of news.messages) {
    const times = received.get(message) ?? 0;
    if (times !== 1) fail(`region ${region} received message ${message} ${times} times`);
  }
}

/** A pushed element is there or was popped, and never both. */
function checkQueue(dump: Map<string, KeyContent>, { queue }: Workload): void {
  const left = dump.get(queue.key)?.content ?? [];
  for (const one of left) {
    if (queue.popped.has(one)) fail(`${one} was popped from ${queue.key}, and is back`);
  }
  const seen = new Set([...left, ...queue.popped]);
  const lost = [...queue.pushed].filter((one) => !seen.has(one));
  if (lost.length > 0) fail(`${lost} was pushed to ${queue.key}, and is lost`);
}

/** Every pushed element is there, once. */
function checkPile(dump: Map<string, KeyContent>, { pile }: Workload): void {
  const there = dump.get(pile.key)?.content ?? [];
  if (there.length !== pile.pushed.size || there.some((one) => !pile.pushed.has(one))) {
    fail(`${pile.key} has ${there}, ${[...pile.pushed]} was pushed`);
  }
}

/** Every acknowledged write on a key that nobody disturbs is there, exactly once. */
function checkUndisturbed(
  dump: Map<string, KeyContent>,
  workload: Workload,
  uncertain: ReadonlySet<string>,
): void {
  for (const [key, sum] of workload.counters) {
    if (uncertain.has(key)) continue;
    const content = dump.get(key)?.content ?? [];
    const shown = Number(content.at(-1) ?? 0);
    if (shown !== sum) fail(`${key} shows ${JSON.stringify(content)}, ${sum} was added`);
  }
  for (const [key, members] of workload.sets) {
    if (uncertain.has(key)) continue;
    const content = new Set(dump.get(key)?.content ?? []);
    const lost = [...members].filter((m) => !content.has(m));
    if (lost.length > 0 || content.size !== members.size) {
      fail(`${key} has ${content.size} members, ${members.size} were added; lost: ${lost}`);
    }
  }
  for (const [key, values] of workload.streams) {
    if (uncertain.has(key)) continue;
    const entries = (dump.get(key)?.content ?? []).map((entry) => entry.split('"')[3] ?? entry);
    const lost = [...values].filter((v) => !entries.includes(v));
    if (lost.length > 0 || entries.length !== values.size) {
      fail(`${key} has ${entries.length} entries, ${values.size} were added; lost: ${lost}`);
    }
  }
}

/** Every bit that was set is, and no other; registers are those of all elements. */
function checkStrings(dump: Map<string, KeyContent>, { flags, seen }: Workload): void {
  const set = bitsIn(dump.get(flags.key)?.content[0] ?? '');
  const wanted = [...flags.set].sort((a, b) => a - b);
  if (String(set) !== String(wanted)) fail(`${flags.key} has ${set}, ${wanted} were set`);
  const registers = seen.added.size === 0 ? undefined : hyperLogLogOf(seen.added);
  if (dump.get(seen.key)?.content[0] !== registers) fail(`${seen.key} misses elements`);
}

function fail(message: string): never {
  throw new Error(message);
}
