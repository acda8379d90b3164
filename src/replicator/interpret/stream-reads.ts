// What must be asked of the engine about streams, and what follows from the answers:
//
// - how far MAXLEN or MINID cut a stream: asked a moment later, once for many commands. The answer is the first
//   entry at that place of the stream; other regions remove what is below. But entries of other regions that came in
//   between may stand where something was cut: then it is the first of the others, and those below it are named. They
//   may also have sent entries to higher IDs: of each of those it is asked whether it is still there.
// - up to where a group has acknowledged everything: asked a moment later too.
// - which ID `$` stood for, when a group was created. Its unit waits for that.

import { isDue } from '../../base/due.ts';
import { OpFlag, OpKind } from '../../model/op.ts';
import type { Reply } from '../../resp/reply-parser.ts';
import type { LiveOp } from '../live/live-op.ts';
import type { LiveStreams } from '../live/streams/live-streams.ts';
import {
  formatStreamId,
  idAfter,
  idBefore,
  parseStreamId,
  type StreamId,
} from '../live/streams/stream-id.ts';
import { addedId, TRIM_BUT } from '../live/streams/stream-op.ts';
import type { ReadOp } from './read-op.ts';
import type { ReadRequest } from './reads.ts';
import { itemsOf, textOfReply, textsOf } from './replies.ts';
import type { Cut, StreamEvents } from './stream-rules.ts';

/** How far a stream was cut is shipped so much later, once for many commands. */
const CUT_AFTER_MS = 100;
/** As is what was acknowledged. */
const DONE_AFTER_MS = 30;
/** So many times as many IDs are asked for when all of them may have come in between. */
const MORE_IDS = 16;
/** So many streams are asked about at once. */
const READS_MAX = 100;
const KNOWN_MAX = 10_000;

interface PendingCut {
  /** The last own sequence before it. */
  readonly after: number;
  due: number;
  isAsked: boolean;
  /** Entries of other regions that became visible since. */
  readonly since: Set<LiveOp>;
  /** The lowest ID that one of them was given. */
  lowest: StreamId | undefined;
  /** Places of entries that had another one when it was cut. */
  readonly moved: Set<StreamId>;
  /** So many IDs are asked for. */
  readonly wanted: number;
}

/** What other regions have done to a stream since it was cut. */
export interface AfterCut {
  /** The last own sequence before it. */
  readonly after: number;
  /** Entries that became visible. */
  readonly since: readonly LiveOp[];
  /** Places of entries that had another one. */
  readonly moved: Set<StreamId>;
}

interface PendingDone {
  readonly key: string;
  readonly group: string;
  readonly due: number;
}

/** What is known of a stream: it has no entry below, and not more than so many. */
interface KnownHead {
  first: StreamId;
  lengthMax: number;
}

export class StreamReads implements StreamEvents {
  readonly #streams: LiveStreams;
  readonly #now: () => number;
  readonly #ownSeq: () => number;
  readonly #cuts = new Map<string, PendingCut>();
  readonly #dones = new Map<string, PendingDone>();
  /** Per key where a group was just created at its end, the first entry added since. */
  readonly #created = new Map<string, StreamId | undefined>();
  readonly #heads = new Map<string, KnownHead>();
  /** Per key and group up to where others know it to be done. */
  readonly #shipped = new Map<string, Map<string, StreamId>>();

  /** `ownSeq` is the last own sequence given so far. */
  constructor(streams: LiveStreams, ownSeq: () => number, now: () => number) {
    this.#streams = streams;
    this.#ownSeq = ownSeq;
    this.#now = now;
  }

  /** Nothing is still to be asked. */
  get isEmpty(): boolean {
    return this.#cuts.size === 0 && this.#dones.size === 0;
  }

  /** Behind this own sequence stands what nobody has been told yet: how far streams were cut. Infinite: all was told. */
  get cutAfter(): number {
    let first = Number.POSITIVE_INFINITY;
    for (const { after } of this.#cuts.values()) first = Math.min(first, after);
    return first;
  }

  // --- what happens to streams ----------------------------------------------------------------------

  /** An entry was added here. */
  noteAdd(op: LiveOp): void {
    if (this.#heads.size === 0 && this.#created.size === 0) return;
    this.#noteEntry(op.key, addedId(op));
  }

  /** An op of another region is about to become visible. */
  beforeRemote(op: LiveOp): void {
    const cut = this.#cuts.get(op.key);
    if (cut !== undefined) this.#streams.recordMoves(op, cut.moved);
  }

  /** An entry of another region is visible from here on. */
  noteRemoteAdd(op: LiveOp): void {
    const cut = this.#cuts.get(op.key);
    if (cut !== undefined) noteSince(cut, op);
    this.noteAdd(op);
  }

  #noteEntry(key: string, id: StreamId): void {
    const head = this.#heads.get(key);
    if (head !== undefined && id < head.first) this.#heads.delete(key);
    else if (head !== undefined) head.lengthMax++;
    if (this.#created.has(key)) {
      const first = this.#created.get(key);
      if (first === undefined || id < first) this.#created.set(key, id);
    }
  }

  /** The key has another value now. */
  forget(key: string): void {
    this.#heads.delete(key);
    this.#shipped.delete(key);
  }

  forgetGroup(key: string, group: string): void {
    this.#shipped.get(key)?.delete(group);
  }

  /** The stream may be there only once its group is shipped. */
  isCreatedLater(key: string): boolean {
    return this.#created.has(key);
  }

  needsWhole(key: string, id: string): boolean {
    if (this.#created.has(key) || this.#cuts.has(key)) return true;
    return this.#streams.hasEntryBehind(key, parseStreamId(id));
  }

  /** Whether this may have cut the stream, or will once its own entry is added: how far is asked in a moment. */
  isCut(key: string, { by, threshold }: Cut, adds: boolean): boolean {
    const head = this.#heads.get(key);
    if (head !== undefined) {
      const length = head.lengthMax + (adds ? 1 : 0);
      const isWithin =
        by === 'MAXLEN' ? length <= Number(threshold) : parseStreamId(threshold) <= head.first;
      if (isWithin) return false;
    }
    this.wantCut(key);
    return true;
  }

  /** Asks how far a stream was cut. `after`: what other regions have done to it since. */
  wantCut(key: string, after?: AfterCut): void {
    if (this.#cuts.has(key)) return;
    const cut = {
      after: after?.after ?? this.#ownSeq(),
      due: this.#now() + CUT_AFTER_MS,
      isAsked: false,
      since: new Set<LiveOp>(),
      lowest: undefined,
      // Where entries wait for their places it is still to be filled.
      moved: after?.moved ?? new Set<StreamId>(),
      wanted: 1,
    };
    for (const op of after?.since ?? []) noteSince(cut, op);
    this.#cuts.set(key, cut);
  }

  acknowledged(key: string, group: string): void {
    const id = `${key.length} ${key} ${group}`;
    if (!this.#dones.has(id)) this.#dones.set(id, { key, group, due: this.#now() + DONE_AFTER_MS });
  }

  /** A group was created at the end of the stream: returns what must be read for it. */
  groupCreated(key: string, group: string, makesStream: boolean): ReadRequest {
    if (!this.#created.has(key)) this.#created.set(key, undefined);
    return { kind: 'group', key, group, makesStream };
  }

  // --- what is read -------------------------------------------------------------------------------

  /** What is due to be asked. */
  due(): ReadRequest[] {
    const now = this.#now();
    const requests: ReadRequest[] = [];
    for (const [key, cut] of this.#cuts) {
      if (requests.length >= READS_MAX) return requests;
      if (cut.isAsked || !isDue(cut.due, CUT_AFTER_MS, now)) continue;
      cut.isAsked = true;
      const places = [...cut.moved].map(formatStreamId);
      requests.push({ kind: 'streamHead', key, count: cut.wanted, places });
    }
    for (const [id, { key, group, due }] of this.#dones) {
      if (!isDue(due, DONE_AFTER_MS, now) || requests.length >= READS_MAX) continue;
      this.#dones.delete(id);
      requests.push({ kind: 'done', key, group });
    }
    return requests;
  }

  /** The ops that ship what was read. */
  opsOf(request: StreamRequest, reply: Reply): ReadOp[] {
    const items = itemsOf(reply);
    switch (request.kind) {
      case 'streamHead':
        return this.#cutOps(request, items);
      case 'done':
        return this.#doneOps(request.key, request.group, items);
      case 'group':
        return this.#creationOps(request, items);
    }
  }

  #cutOps(
    { key, places }: StreamRequest & { kind: 'streamHead' },
    items: readonly Reply[],
  ): ReadOp[] {
    const cut = this.#cuts.get(key);
    this.#cuts.delete(key);
    this.#streams.endRecord(key);
    const [length, last] = [textOfReply(items[0]), textOfReply(items[1])];
    if (cut === undefined || length === undefined || last === undefined) return [];
    const ids = textsOf(items[2]).map(parseStreamId);
    let below = ids.find((id) => this.#wasThere(key, id, cut));
    const isEnough = below !== undefined || ids.length === Number(length);
    if (!isEnough || places.length < cut.moved.size) {
      const wanted = isEnough ? cut.wanted : cut.wanted * MORE_IDS;
      this.#cuts.set(key, { ...cut, isAsked: false, due: 0, wanted });
      return [];
    }
    below ??= idAfter(parseStreamId(last));
    const kept = ids.filter((id) => id < (below as StreamId));
    const present = new Set(textsOf(items[3]));
    const lost = places.filter(
      (id) => !present.has(id) && parseStreamId(id) >= (below as StreamId),
    );
    const isKnown = kept.length === 0 && this.#heads.get(key)?.first === below;
    remember(this.#heads, key, { first: ids[0] ?? below, lengthMax: Number(length) });
    const ops: ReadOp[] = [];
    if (lost.length > 0) ops.push({ kind: OpKind.xdel, args: ['XDEL', key, ...lost] });
    if (isKnown) return ops;
    const id = formatStreamId(below);
    const args =
      kept.length === 0
        ? ['XTRIM', key, 'MINID', '=', id]
        : [TRIM_BUT, key, id, ...kept.map(formatStreamId)];
    return [...ops, { kind: OpKind.xtrim, args, flags: OpFlag.cuts }];
  }

  /** Whether an entry certainly was there, at this place, before those of other regions came. */
  #wasThere(key: string, id: StreamId, { since, lowest, moved }: PendingCut): boolean {
    if (moved.has(id)) return false;
    if (lowest === undefined || id < lowest) return true;
    const op = this.#streams.opAt(key, id);
    return op !== undefined && !since.has(op);
  }

  #doneOps(key: string, group: string, items: readonly Reply[]): ReadOp[] {
    const [delivered, before] = items.map(textOfReply);
    const text = items.length > 1 ? before : delivered;
    if (text === undefined || text === '') return [];
    const id = parseStreamId(text);
    const shipped = this.#shipped.get(key) ?? new Map<string, StreamId>();
    if (id <= (shipped.get(group) ?? 0n)) return [];
    remember(this.#shipped, key, shipped.set(group, id));
    return [{ kind: OpKind.xdone, args: ['XDONE', key, group, formatStreamId(id)] }];
  }

  #creationOps(request: StreamRequest & { kind: 'group' }, items: readonly Reply[]): ReadOp[] {
    const { key, group, makesStream } = request;
    const added = this.#created.get(key);
    this.#created.delete(key);
    const delivered = textOfReply(items[0]);
    // It is gone again.
    if (delivered === undefined) return [];
    let id = parseStreamId(delivered);
    // What was delivered in between was added in between: elsewhere it is still to be delivered.
    if (added !== undefined && added <= id) id = idBefore(added);
    const args = ['XGROUP', 'CREATE', key, group, formatStreamId(id)];
    if (makesStream) args.push('MKSTREAM');
    return [{ kind: OpKind.xgroupCreate, args }];
  }
}

/** Requests that are answered here. */
export type StreamRequest = ReadRequest & { readonly kind: 'streamHead' | 'done' | 'group' };

export function isStreamRequest(request: ReadRequest): request is StreamRequest {
  return request.kind === 'streamHead' || request.kind === 'done' || request.kind === 'group';
}

function noteSince(cut: PendingCut, op: LiveOp): void {
  const id = addedId(op);
  cut.since.add(op);
  if (cut.lowest === undefined || id < cut.lowest) cut.lowest = id;
}

/** Keeps what is known of the last keys. */
function remember<T>(map: Map<string, T>, key: string, value: T): void {
  map.delete(key);
  map.set(key, value);
  if (map.size <= KNOWN_MAX) return;
  for (const oldest of map.keys()) {
    map.delete(oldest);
    return;
  }
}
