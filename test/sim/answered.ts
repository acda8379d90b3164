// What clients were answered in a world whose members are lost: what survivors must show of it. A write of a member
// that was lost counts for certain if the survivors have its op.

import type { KeyContent } from './model-engine/model-engine.ts';
import type { ModelReply } from './model-engine/reply.ts';
import type { Region } from './region.ts';

/** Keys that nobody disturbs begin so. */
const UNDISTURBED = 'only-';
const COUNTERS = ['only-incr', 'only-hincr', 'only-zincr'];

interface Answer {
  readonly region: Region;
  /** Of the stream of its engine, behind the write. */
  readonly offset: number;
  readonly args: readonly string[];
  readonly reply: ModelReply;
}

export class Answered {
  #answers: Answer[] = [];

  note(region: Region, args: readonly string[], reply: ModelReply): void {
    if (args[1]?.startsWith(UNDISTURBED) !== true || reply.kind === 'error') return;
    this.#answers.push({ region, offset: region.engine.offset, args, reply });
  }

  /** What a region's engine streamed behind this offset is gone, and nobody has it. */
  lost(region: Region, end: number): void {
    this.#answers = this.#answers.filter((one) => one.region !== region || one.offset <= end);
  }

  /** Throws with what is wrong where all survivors show `dump`. */
  check(dump: ReadonlyMap<string, KeyContent>, survivors: readonly Region[]): void {
    const safe = new Map<Region, number>();
    const isCertain = ({ region, offset }: Answer): boolean => {
      const known = safe.get(region) ?? safeOffset(region, survivors);
      safe.set(region, known);
      return offset <= known;
    };
    this.#checkAdded(dump, isCertain);
    this.#checkQueue(dump, isCertain);
    for (const key of COUNTERS) this.#checkCounter(key, dump, isCertain);
  }

  #of(key: string): Answer[] {
    return this.#answers.filter(({ args }) => args[1] === key);
  }

  #checkAdded(dump: ReadonlyMap<string, KeyContent>, isCertain: (a: Answer) => boolean): void {
    const texts = (key: string): readonly string[] => dump.get(key)?.content ?? [];
    const ofStream = texts('only-xadd').map((entry) => entry.split('"')[3] ?? entry);
    check('only-adds', texts('only-adds'), this.#of('only-adds'), 2, isCertain);
    check('only-pushes', texts('only-pushes'), this.#of('only-pushes'), 2, isCertain);
    check('only-xadd', ofStream, this.#of('only-xadd'), 4, isCertain);
  }

  #checkQueue(dump: ReadonlyMap<string, KeyContent>, isCertain: (a: Answer) => boolean): void {
    const key = 'only-queue';
    const answers = this.#of(key);
    const popped = new Set<string>();
    const left = dump.get(key)?.content ?? [];
    for (const answer of answers) {
      const { reply } = answer;
      if (!answer.args[0]?.endsWith('POP') || reply.kind !== 'bulk') continue;
      popped.add(reply.text);
      if (isCertain(answer) && left.includes(reply.text)) {
        throw new Error(`${reply.text} was popped from ${key}, and is back`);
      }
    }
    const pushes = answers.filter(({ args }) => args[0]?.endsWith('PUSH') === true);
    check(key, left, pushes, 2, isCertain, popped);
  }

  #checkCounter(
    key: string,
    dump: ReadonlyMap<string, KeyContent>,
    isCertain: (a: Answer) => boolean,
  ): void {
    let [least, most] = [0, 0];
    for (const answer of this.#of(key)) {
      const { args } = answer;
      const by = Number(args[0] === 'HINCRBY' ? args[3] : args[2]);
      const certain = isCertain(answer);
      if (certain || by < 0) least += by;
      if (certain || by > 0) most += by;
    }
    const shown = Number(dump.get(key)?.content.at(-1) ?? 0);
    if (shown < least || shown > most) {
      throw new Error(`${key} shows ${shown}; it must be ${least} to ${most}`);
    }
  }
}

/** Each element that was added by `answers`, in its arguments from `from` on, must be there once, unless it was `taken`. */
function check(
  key: string,
  there: readonly string[],
  answers: readonly Answer[],
  from: number,
  isCertain: (a: Answer) => boolean,
  taken: ReadonlySet<string> = new Set(),
): void {
  const present = new Set(there);
  if (present.size !== there.length) throw new Error(`${key} has elements twice: ${there}`);
  const added = new Set<string>();
  for (const answer of answers) {
    for (const element of answer.args.slice(from)) {
      added.add(element);
      if (present.has(element) || taken.has(element) || !isCertain(answer)) continue;
      throw new Error(`${element} was added to ${key} in region ${answer.region.id}, and is lost`);
    }
  }
  const strange = there.find((element) => !added.has(element));
  if (strange !== undefined) throw new Error(`${key} has ${strange}, which nobody added`);
}

/** Up to where the stream of a region is in ops that the survivors have. */
function safeOffset(region: Region, survivors: readonly Region[]): number {
  if (survivors.includes(region)) return Number.POSITIVE_INFINITY;
  const seq = Math.min(
    ...survivors.map(({ core }) => new Map(core?.published.visible).get(region.id) ?? 0),
  );
  return region.log.positionOf(region.id, seq);
}
