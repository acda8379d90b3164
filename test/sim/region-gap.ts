// What becomes of writes that a simulated replicator has missed, because its engine's backlog was overrun: the keys
// there are compared with those of another region, in virtual time. What decides is the product's (gap/mending.ts);
// here questions travel, engines are asked, and both may break off.

import { crc32 } from 'node:zlib';
import type { VersionEntries } from '../../src/model/version-vector.ts';
import { Mending, type Side, type Step } from '../../src/replicator/gap/mending.ts';
import type { Answer, Question } from '../../src/replicator/gap/messages.ts';
import type { Random } from './random.ts';
import type { Region } from './region.ts';
import type { Schedule } from './schedule.ts';

const BUCKETS = 8;
const RETRY_MS = 500;
const POLL_MS = 20;
const ENGINE_MS = 1;

/** A transaction of the replicator, with the token of its fence. */
const BATCH = /\r\na\.\d+\.(\d+)\.(\d+)\.[\s\S]*?\r\nEXEC\r\n/g;
const UNDISTURBED = /only-[a-z]+/g;

/** A way to another region, as long as neither starts anew and nothing is cut between them. */
export interface Route {
  readonly peer: Region;
  readonly delayMs: number;
  readonly stands: () => boolean;
}

type AskStep = Extract<Step, { side: Side }>;
/** What was asked last, of either side. */
type Asked = Partial<Record<Side, Iterator<Answer, void>>>;
type Next = (answer?: Answer) => void;

export class RegionGap {
  readonly #region: Region;
  readonly #random: Random;
  readonly #schedule: Schedule;
  readonly #routes: () => readonly Route[];
  /** The file of the replicator: what was missed is not mended. */
  isOpen = false;
  /** The engine's backlog begins here. */
  backlogStart = 0;
  /** Keys that nobody disturbs, on which a batch is applied again that the engine has. */
  readonly repeated = new Set<string>();
  /** Keys that were asserted because of it, here or elsewhere. */
  readonly asserted = new Set<string>();
  /** How often writes were missed, and how often that was mended. */
  opened = 0;
  mended = 0;

  constructor(
    region: Region,
    random: Random,
    schedule: Schedule,
    routes: (region: Region) => readonly Route[],
  ) {
    this.#region = region;
    this.#random = random;
    this.#schedule = schedule;
    this.#routes = () => routes(region);
  }

  /** From `offset` on nothing was taken in: true if the engine no longer has it. */
  misses(offset: number): boolean {
    return offset < this.backlogStart;
  }

  open(): void {
    this.isOpen = true;
    this.opened++;
  }

  /** What the engine streamed is in no log; of what peers wrote `applied` is known to be in the engine. */
  missed(stream: Buffer, applied: VersionEntries): void {
    const seqs = new Map(applied);
    for (const [batch, origin = '', seq = ''] of stream.toString('latin1').matchAll(BATCH)) {
      if (Number(origin) === 0 || Number(seq) <= (seqs.get(Number(origin)) ?? 0)) continue;
      for (const [key] of batch.matchAll(UNDISTURBED)) this.repeated.add(key);
    }
  }

  /** Compares keys until all is mended, or this life of the replicator ends. */
  mend(): void {
    const region = this.#region;
    const { life } = region;
    const mending = new Mending({ visible: () => visibleIn(region) });
    const attempt = (): void => {
      if (region.life !== life) return;
      const routes = this.#routes();
      if (routes.length === 0) this.#schedule.after(RETRY_MS, attempt);
      else this.#compare(mending, this.#random.pick(routes), life, attempt);
    };
    this.#schedule.after(this.#random.between(0, 5), attempt);
  }

  #compare(mending: Mending, route: Route, life: number, again: () => void): void {
    const region = this.#region;
    region.trace?.(() => `${region.id} compares its keys with ${route.peer.id}`);
    const steps = mending.steps();
    const asked: Asked = {};
    const next: Next = (answer) => {
      if (region.life !== life) return;
      if (!route.stands()) {
        this.#schedule.after(RETRY_MS, again);
        return;
      }
      const { done, value: step } = steps.next(answer);
      if (done) this.#end(mending);
      else if (step.do === 'wait') this.#schedule.after(step.forMs, next);
      else if (step.do === 'take in') this.#takeIn(next);
      else if (step.side === 'ours') this.#ask(region, step, asked, next);
      else this.#travel(route, step, asked, next);
    };
    next();
  }

  #end({ asserted, restored }: Mending): void {
    this.isOpen = false;
    this.mended++;
    const { id, trace } = this.#region;
    trace?.(() => `${id} has mended: ${asserted} keys asserted, ${restored} restored`);
  }

  /** There and back. What is lost on the way breaks the tunnel. */
  #travel(route: Route, step: AskStep, asked: Asked, next: Next): void {
    const way = () => route.delayMs * this.#random.between(0.5, 1.5);
    this.#schedule.after(way(), () => {
      if (!route.stands()) next();
      else
        this.#ask(route.peer, step, asked, (answer) =>
          this.#schedule.after(way(), () => next(answer)),
        );
    });
  }

  #ask(region: Region, step: AskStep, asked: Asked, next: Next): void {
    // Taken before: the engine shows at least that.
    const visible = visibleIn(region).map(([id, seq]): [number, number] => [id, seq]);
    if (step.do === 'ask') asked[step.side] = this.#answersOf(region, step.question, visible);
    const answers = asked[step.side];
    this.#schedule.after(this.#random.between(0, ENGINE_MS), () => {
      next(answers?.next().value ?? undefined);
    });
  }

  #takeIn(next: Next): void {
    const region = this.#region;
    const { life } = region;
    this.#schedule.after(this.#random.between(0, ENGINE_MS), () => {
      const { offset } = region.engine;
      const look = (): void => {
        if (region.life !== life || region.loggedPosition >= offset) next();
        else this.#schedule.after(POLL_MS, look);
      };
      look();
    });
  }

  *#answersOf(
    region: Region,
    question: Question,
    visible: [number, number][],
  ): Generator<Answer, void> {
    const whole = { isLast: true, visible };
    if (question.ask === 'buckets') {
      const buckets = new Array<number>(BUCKETS).fill(0);
      for (const [key, digest] of digestsIn(region)) {
        buckets[bucketOf(key)] = ((buckets[bucketOf(key)] ?? 0) + crc32(digest)) % 2 ** 32;
      }
      yield { ...whole, buckets };
    } else if (question.ask === 'digests') {
      const digests = digestsIn(region);
      yield { ...whole, digests: question.keys.map((key) => digests.get(key) ?? '') };
    } else if (question.ask === 'assert') {
      for (const key of question.keys) {
        region.core?.assertKey(key);
        this.asserted.add(key);
      }
      yield whole;
    } else {
      const names = [...digestsIn(region).keys()];
      const middle = this.#random.below(names.length + 1);
      yield { ...whole, page: pageOf(region, names.slice(0, middle), question), isLast: false };
      yield { ...whole, page: pageOf(region, names.slice(middle), question) };
    }
  }
}

function pageOf(
  region: Region,
  names: readonly string[],
  { buckets }: { buckets: readonly number[] },
): [string, string][] {
  const digests = digestsIn(region);
  return names.flatMap((key): [string, string][] => {
    const digest = digests.get(key);
    return digest === undefined || !buckets.includes(bucketOf(key)) ? [] : [[key, digest]];
  });
}

function bucketOf(key: string): number {
  return crc32(key) % BUCKETS;
}

function visibleIn({ core }: Region): VersionEntries {
  return core?.published.visible ?? [];
}

function digestsIn(region: Region): Map<string, string> {
  const contents = region.engine.dump(region.now);
  return new Map(
    contents.map(({ key, type, content, expiresAtMs }) => [
      key,
      JSON.stringify([type, content, expiresAtMs]),
    ]),
  );
}
