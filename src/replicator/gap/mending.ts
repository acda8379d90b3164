// What is asked of two members, one of which has missed writes of its own engine, and what is asserted by which of
// them, until their keys are the same: a state machine without I/O. It says the next step, and is told what came of it;
// the shell (gap-repair.ts) and the simulation (test/sim) both drive it.
//
//   candidates  digests of buckets of keys, then the keys of the buckets that differ
//   turn        for some of the candidates what comparison.ts says: theirs, ours, theirs again; then what differs is
//               asserted here, and by the other one what is missing here
//
// It ends once no candidate is left. It may be left at any step, and begun anew with the same or another member:
// what was asserted is not undone by that, and no longer differs.

import { assert } from '../../base/assert.ts';
import type { ReplicaId, VersionEntries } from '../../model/version-vector.ts';
import { Comparison } from './comparison.ts';
import type { Answer, Question } from './messages.ts';

const POLL_MS = 20;
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
  readonly self: ReplicaId;
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
    this.#comparison = yield* candidates();
    while (this.#comparison.size > 0) yield* this.#turn();
  }

  *#turn(): Steps<void> {
    const keys = this.#comparison.some(KEYS_AT_A_TIME);
    const first = yield* digestsOf('theirs', keys);
    keys.forEach((key, i) => {
      this.#comparison.noteTheirs(key, first.digests[i] as string);
    });
    while (!covers(this.#parts.visible(), first.visible)) yield wait(POLL_MS);
    const ours = yield* digestsOf('ours', keys);
    keys.forEach((key, i) => {
      this.#comparison.noteOurs(key, ours.digests[i] as string);
    });
    // All that was in our stream by now must have been there before the answer that counts.
    yield { do: 'take in' };
    const own = this.#parts.visible().filter(([id]) => id === this.#parts.self);
    let last = yield* digestsOf('theirs', keys);
    while (!covers(last.visible, own)) {
      yield wait(POLL_MS);
      last = yield* digestsOf('theirs', keys);
    }
    yield* this.#settle(keys, last.digests);
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

/** Keys that differ at first sight, or are only on one side. */
function* candidates(): Steps<Comparison> {
  const comparison = new Comparison();
  const { buckets: theirs = [] } = yield* ask('theirs', { ask: 'buckets' });
  const { buckets: ours = [] } = yield* ask('ours', { ask: 'buckets' });
  const buckets = ours.map((_, bucket) => bucket).filter((b) => ours[b] !== theirs[b]);
  if (buckets.length === 0) return comparison;
  const own = new Map<string, string>();
  yield* eachKey('ours', buckets, (key, digest) => own.set(key, digest));
  yield* eachKey('theirs', buckets, (key, digest) => {
    if (own.get(key) !== digest) comparison.add(key);
    own.delete(key);
  });
  for (const key of own.keys()) comparison.add(key);
  return comparison;
}

function* eachKey(
  side: Side,
  buckets: number[],
  take: (key: string, digest: string) => void,
): Steps<void> {
  let answer = yield* ask(side, { ask: 'keys', buckets });
  for (;;) {
    for (const [key, digest] of answer.page ?? []) take(key, digest);
    if (answer.isLast) return;
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
