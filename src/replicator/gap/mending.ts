// What is asked of two members, one of which has missed writes of its own engine, and what is asserted by which of
// them, until their keys are the same: a state machine without I/O. It says the next step, and is told what came of it;
// the shell (gap-repair.ts) and the simulation (test/sim) both drive it.
//
// Both are written to meanwhile. So whatever is compared is asked for three times: theirs; ours, once all that was
// visible there is visible here; theirs, once all that was visible here is visible there. Only what is the same all
// three times is the same: of two equal answers one may lack an increment that was missed, and the other one that is on
// its way.
//
//   buckets  digests of buckets of keys: those that are the same are left out
//   keys     the keys of the others: those that are the same are left out
//   turns    of some of the rest at a time what comparison.ts says; what differs is asserted here, and by the other
//            one what is missing here
//
// It ends once nothing is left. It may be left at any step, and begun anew with the same or another member: what was
// asserted is not undone by that, and no longer differs.

import { assert } from '../../base/assert.ts';
import type { VersionEntries } from '../../model/version-vector.ts';
import { Comparison } from './comparison.ts';
import type { Answer, Question } from './messages.ts';

const POLL_MS = 20;
/** Half a minute; then another member may be nearer. */
const POLLS_MAX = 1500;
const KEYS_AT_A_TIME = 100;
/** What was asserted takes so long to be everywhere, at least. */
const ASSERTED_MS = 100;

/** The member that has missed writes, or the one with which it compares its keys. */
export type Side = 'ours' | 'theirs';

/** What is to be done next. The first two are answered. */
export type Step =
  | { readonly do: 'ask'; readonly side: Side; readonly question: Question }
  /** What was asked there last has another page. */
  | { readonly do: 'turn the page'; readonly side: Side }
  /** Until everything that our engine has streamed by now is in the log. */
  | { readonly do: 'take in' }
  | { readonly do: 'wait'; readonly forMs: number };

type Steps<Result> = Generator<Step, Result, Answer | undefined>;

export interface MendingParts {
  /** What is visible here. */
  readonly visible: () => VersionEntries;
}

export class Mending {
  readonly #parts: MendingParts;
  #comparison = new Comparison();
  asserted = 0;
  restored = 0;

  constructor(parts: MendingParts) {
    this.#parts = parts;
  }

  /** Keys that may differ, as far as is known. */
  get comparing(): number {
    return this.#comparison.size;
  }

  *steps(): Steps<void> {
    const comparison = new Comparison();
    const buckets = yield* this.#bucketsThatDiffer();
    if (buckets.length > 0) {
      for (const key of yield* this.#keysThatDiffer(buckets)) comparison.add(key);
    }
    this.#comparison = comparison;
    while (comparison.size > 0) yield* this.#turn(comparison);
  }

  *#bucketsThatDiffer(): Steps<number[]> {
    const first = yield* ask('theirs', { ask: 'buckets' });
    yield* this.#arriveHere(first.visible);
    const { buckets: ours = [] } = yield* ask('ours', { ask: 'buckets' });
    yield* this.#arriveThere();
    const { buckets: last = [] } = yield* ask('theirs', { ask: 'buckets' });
    const differs = (_: number, bucket: number): boolean =>
      ours[bucket] !== first.buckets?.[bucket] || ours[bucket] !== last[bucket];
    return ours.map((_, bucket) => bucket).filter(differs);
  }

  /** Or may, as far as is known. */
  *#keysThatDiffer(buckets: number[]): Steps<Iterable<string>> {
    const first = new Map<string, string>();
    const visible = yield* eachKey('theirs', buckets, (key, digest) => first.set(key, digest));
    yield* this.#arriveHere(visible);
    const same = new Map<string, string>();
    const different = new Set<string>();
    yield* eachKey('ours', buckets, (key, digest) => {
      if (first.get(key) === digest) same.set(key, digest);
      else different.add(key);
      first.delete(key);
    });
    for (const key of first.keys()) different.add(key);
    yield* this.#arriveThere();
    yield* eachKey('theirs', buckets, (key, digest) => {
      if (same.get(key) !== digest) different.add(key);
      else same.delete(key);
    });
    for (const key of same.keys()) different.add(key);
    return different;
  }

  *#turn(comparison: Comparison): Steps<void> {
    const keys = comparison.some(KEYS_AT_A_TIME);
    const first = yield* digestsOf('theirs', keys);
    keys.forEach((key, i) => {
      comparison.noteTheirs(key, first.digests[i] as string);
    });
    yield* this.#arriveHere(first.visible);
    const ours = yield* digestsOf('ours', keys);
    keys.forEach((key, i) => {
      comparison.noteOurs(key, ours.digests[i] as string);
    });
    yield* this.#arriveThere();
    const last = yield* digestsOf('theirs', keys);
    yield* this.#settle(keys, last.digests);
  }

  /** Until this is visible here. */
  *#arriveHere(visible: VersionEntries): Steps<void> {
    for (let polls = 0; !covers(this.#parts.visible(), visible); polls++) {
      if (polls === POLLS_MAX) throw new Error('what is visible on the other side does not arrive');
      yield wait(POLL_MS);
    }
  }

  /** Until all that is visible here is visible there: also what stands in our stream by now. */
  *#arriveThere(): Steps<void> {
    yield { do: 'take in' };
    const visible = this.#parts.visible();
    for (let polls = 0; ; polls++) {
      const there = yield* digestsOf('theirs', []);
      if (covers(there.visible, visible)) return;
      if (polls === POLLS_MAX) throw new Error('the other side does not get what is visible here');
      yield wait(POLL_MS);
    }
  }

  *#settle(keys: readonly string[], digests: readonly string[]): Steps<void> {
    const assertHere: string[] = [];
    const assertThere: string[] = [];
    keys.forEach((key, i) => {
      const verdict = this.#comparison.judge(key, digests[i] as string);
      if (verdict === 'ours') assertHere.push(key);
      else if (verdict === 'theirs') assertThere.push(key);
    });
    if (assertHere.length > 0) yield* ask('ours', { ask: 'assert', keys: assertHere });
    if (assertThere.length > 0) yield* ask('theirs', { ask: 'assert', keys: assertThere });
    this.asserted += assertHere.length;
    this.restored += assertThere.length;
    if (assertHere.length + assertThere.length > 0) yield wait(ASSERTED_MS);
  }
}

/** Returns what was visible there at the end. */
function* eachKey(
  side: Side,
  buckets: number[],
  take: (key: string, digest: string) => void,
): Steps<VersionEntries> {
  let answer = yield* ask(side, { ask: 'keys', buckets });
  for (;;) {
    for (const [key, digest] of answer.page ?? []) take(key, digest);
    if (answer.isLast) return answer.visible;
    answer = answered(yield { do: 'turn the page', side });
  }
}

interface Digests {
  readonly digests: readonly string[];
  readonly visible: VersionEntries;
}

function* digestsOf(side: Side, keys: string[]): Steps<Digests> {
  const { digests, visible } = yield* ask(side, { ask: 'digests', keys });
  if (digests?.length !== keys.length) throw new Error('a side answered with too little');
  return { digests, visible };
}

function* ask(side: Side, question: Question): Steps<Answer> {
  return answered(yield { do: 'ask', side, question });
}

function answered(answer: Answer | undefined): Answer {
  assert(answer !== undefined, 'a question is answered');
  return answer;
}

function wait(forMs: number): Step {
  return { do: 'wait', forMs };
}

function covers(has: VersionEntries, wanted: VersionEntries): boolean {
  const seqs = new Map(has);
  return wanted.every(([id, seq]) => (seqs.get(id) ?? Number.POSITIVE_INFINITY) >= seq);
}
