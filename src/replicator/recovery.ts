// Rebuilds what a replicator knew from the records of its log, in the order in which they were written.

import { CorruptInput } from '../base/errors.ts';
import type { HybridClock } from '../model/clock.ts';
import { HYPERLOGLOG_KINDS, isWrite, OpFlag, OpKind } from '../model/op.ts';
import type { ReplicaId, Replicas, Slot, VersionVector } from '../model/version-vector.ts';
import { decodeFrameHeader } from '../wire/frame.ts';
import { type Record, RecordType } from '../wire/record.ts';
import { decodeOps, type Inbound } from './apply/inbound.ts';
import {
  type Checkpoint,
  decodeCheckpoint,
  decodeFollowed,
  decodeForked,
  decodeMeasured,
  decodeOver,
  decodeVisible,
  type ForkedRecord,
} from './journal.ts';
import { type Assertion, assertionsOf, type Integration } from './live/assertion.ts';
import { lengthAfter } from './live/lists/list-op.ts';
import type { LiveIndex } from './live/live-index.ts';
import type { LiveOp } from './live/live-op.ts';
import type { Measurement } from './live/live-value.ts';
import type { Settlement } from './live/settlement.ts';
import { LiveStreams } from './live/streams/live-streams.ts';
import type { StreamId } from './live/streams/stream-id.ts';
import { streamChangeOf } from './live/streams/stream-op.ts';

/** As AfterCut says. */
interface CutInLog {
  readonly after: number;
  readonly since: LiveOp[];
  readonly moved: Set<StreamId>;
}

/** What is filled while the records are replayed. */
export interface RecoveryTarget {
  readonly replicas: Replicas;
  readonly self: Slot;
  readonly index: LiveIndex;
  readonly inbound: Inbound;
  readonly visible: VersionVector;
  readonly clock: HybridClock;
}

export interface Recovered {
  /** Where capture resumes; an empty replication id: it never began. */
  position: { replicationId: string; offset: number };
  /** Whose log this is; before a fork, of whom it is a copy. Undefined: of nobody who is a member. */
  owner: Slot | undefined;
  readonly frontier: VersionVector;
  /** As KnownFences says. */
  seenFence: number;
  issuedFence: number;
  /** What this member may still have to assert. */
  readonly assertions: Map<string, Assertion[]>;
  /** Keys of batches that may have been decided without knowing of a local write, and not mended. */
  readonly unsettled: Map<string, Settlement>;
  /** Streams that were cut here, of which it was not shipped how far, each with what other regions did after that. */
  readonly cuts: Map<string, CutInLog>;
  /** Per fence what was measured before its batch, of batches that are not known to be visible. */
  readonly measured: Map<number, ReadonlyMap<string, Measurement>>;
  /** Lists whose lengths are known. */
  readonly followed: Map<string, number>;
  /** Keys that hold a HyperLogLog, as far as the log tells. */
  readonly hyperLogLogs: Set<string>;
}

/** Replays the log. Throws CorruptInput and OperatorError. */
export function replay(records: Iterable<Record>, target: RecoveryTarget): Recovered {
  const recovered: Recovered = {
    position: { replicationId: '', offset: 0 },
    owner: target.self,
    frontier: target.replicas.emptyVector(),
    seenFence: 0,
    issuedFence: 0,
    assertions: new Map(),
    unsettled: new Map(),
    cuts: new Map(),
    measured: new Map(),
    followed: new Map(),
    hyperLogLogs: new Set(),
  };
  let isFirst = true;
  for (const record of records) {
    if (record.type === RecordType.checkpoint) {
      const checkpoint = decodeCheckpoint(record.bytes);
      // Later ones say what the records before them say too, but for what had become stable by then.
      if (isFirst) restore(checkpoint, target, recovered);
      else recovered.frontier.set(target.replicas.fromEntries(checkpoint.frontier));
      recovered.position.replicationId = checkpoint.replicationId;
      isFirst = false;
    } else if (record.type === RecordType.ops) {
      replayFrame(record.bytes, target, recovered);
    } else if (record.type === RecordType.visible) {
      const { origin, seq, position, fence } = decodeVisible(record.bytes);
      for (const [key, measured] of recovered.measured.get(fence) ?? []) {
        target.index.noteMeasured(key, measured);
      }
      recovered.measured.delete(fence);
      replayVisible(origin, seq, target, recovered);
      recovered.position.offset = position;
      recovered.seenFence = Math.max(recovered.seenFence, fence);
    } else if (record.type === RecordType.measured) {
      const { fence, measured } = decodeMeasured(record.bytes);
      recovered.measured.set(fence, measured);
      recovered.issuedFence = Math.max(recovered.issuedFence, fence);
    } else if (record.type === RecordType.followed) {
      const [key, length] = decodeFollowed(record.bytes);
      recovered.followed.set(key, length);
    } else if (record.type === RecordType.over) {
      for (const key of decodeOver(record.bytes)) forget(key, target, recovered);
    } else if (record.type === RecordType.forked) {
      fork(decodeForked(record.bytes), target, recovered);
    }
  }
  if (recovered.owner !== target.self) {
    throw new CorruptInput('the log is that of another replica');
  }
  measureMerged(recovered.followed, target.index);
  target.index.stabilise(recovered.frontier);
  return recovered;
}

function restore(checkpoint: Checkpoint, target: RecoveryTarget, recovered: Recovered): void {
  const { replicas, inbound, visible, clock } = target;
  recovered.owner = replicas.slotOf(checkpoint.self);
  visible.set(replicas.fromEntries(checkpoint.visible));
  replicas.fromEntries(checkpoint.received).forEach((seq, slot) => {
    if (slot !== recovered.owner) inbound.startAt(slot, seq);
  });
  recovered.frontier.set(replicas.fromEntries(checkpoint.frontier));
  clock.observe(checkpoint.clock);
  recovered.position.offset = checkpoint.position;
  recovered.seenFence = checkpoint.applyFence;
}

function replayFrame(bytes: Buffer, target: RecoveryTarget, recovered: Recovered): void {
  const { replicas, inbound, index, visible, clock } = target;
  const header = decodeFrameHeader(bytes);
  const slot = replicas.slotOf(header.origin);
  if (slot === undefined) return;
  if (slot !== recovered.owner) {
    inbound.accept(slot, header.firstSeq, header.count, bytes);
    return;
  }
  const ops: LiveOp[] = [];
  decodeOps(bytes, slot, replicas, ops);
  for (const op of ops) {
    if (isWrite(op.kind)) replayOwn(op, index, recovered);
    followList(op, recovered.followed);
    noteHyperLogLog(op, index, recovered);
    if ((op.flags & OpFlag.cuts) !== 0) noteCut(op, recovered.cuts);
    visible[slot] = op.seq;
    clock.observe(op.timestamp);
  }
  index.ownOpsLogged();
  recovered.position.offset = header.position;
}

/**
 * From here on the log is a newcomer's own. What the other member still had to assert or to ask of its engine is
 * its own business; but a batch that it may have decided wrongly, and mends later, is in this engine too.
 */
function fork(forked: ForkedRecord, target: RecoveryTarget, recovered: Recovered): void {
  const { replicas, index, inbound, visible } = target;
  if (recovered.owner !== undefined) {
    inbound.startAt(recovered.owner, visible[recovered.owner] as number);
  }
  recovered.owner = replicas.slotOf(forked.self);
  recovered.position = { replicationId: forked.replicationId, offset: forked.position };
  recovered.assertions.clear();
  // What a cut took is missing in this engine, and the other member, which writes anew what it has met, may never tell
  // of it: so does this one. Only a merged key can be written.
  for (const key of recovered.cuts.keys()) {
    index.noteMeasured(key, {});
    recovered.unsettled.set(key, 'exact value');
  }
  recovered.cuts.clear();
  recovered.measured.clear();
  for (const key of index.mergedKeys()) recovered.unsettled.set(key, 'exact value');
}

/** The log may begin in the midst of what had met on the key: what became of that is not known, and need not be. */
function forget(key: string, { index }: RecoveryTarget, recovered: Recovered): void {
  index.forget(key);
  recovered.followed.delete(key);
  recovered.assertions.delete(key);
  recovered.unsettled.delete(key);
}

function noteCut(op: LiveOp, cuts: Map<string, CutInLog>): void {
  const change = op.kind === OpKind.xtrim ? streamChangeOf(op) : undefined;
  const saysHowFar = change?.kind === 'trim' && change.below > 0n;
  if (saysHowFar) cuts.delete(op.key);
  else if (!cuts.has(op.key)) cuts.set(op.key, { after: op.seq - 1, since: [], moved: new Set() });
}

function replayOwn(op: LiveOp, index: LiveIndex, recovered: Recovered): void {
  const integration = index.integrate(op);
  if (integration.isLetThrough === true) recovered.unsettled.set(op.key, 'value');
  noteAssertions(op.key, integration, recovered);
}

function noteAssertions(key: string, integration: Integration, { assertions }: Recovered): void {
  const all = assertionsOf(integration);
  if (all.length > 0) assertions.set(key, [...(assertions.get(key) ?? []), ...all]);
}

function replayVisible(
  origin: ReplicaId,
  seq: number,
  target: RecoveryTarget,
  recovered: Recovered,
): void {
  const { replicas, inbound, index, visible, clock } = target;
  const slot = replicas.slotOf(origin);
  if (slot === undefined) return;
  const ops = inbound.takeUpTo(slot, seq);
  if (ops.length < seq - (visible[slot] as number)) {
    // Some arrived before the first checkpoint, and left the log with what came before it.
    recovered.followed.clear();
    recovered.hyperLogLogs.clear();
  }
  for (const op of ops) {
    clock.observe(op.timestamp);
    if (!isWrite(op.kind)) continue;
    followList(op, recovered.followed);
    const cut = recovered.cuts.get(op.key);
    if (cut !== undefined) new LiveStreams(index).recordMoves(op, cut.moved);
    if (op.kind === OpKind.xadd) cut?.since.push(op);
    noteAssertions(op.key, index.integrate(op), recovered);
    noteHyperLogLog(op, index, recovered);
    const entry = index.merged(op.key);
    if (entry?.table !== undefined && entry.lastLocal > 0) {
      const known = recovered.unsettled.get(op.key);
      recovered.unsettled.set(op.key, known ?? 'exact value');
    }
  }
  visible[slot] = seq;
}

/** Keeps the length of a list true to an op that has met nothing concurrent. */
function followList(op: LiveOp, lengths: Map<string, number>): void {
  const length = lengths.get(op.key);
  if (length === undefined || op.kind === OpKind.expire) return;
  const next = op.kind === OpKind.del ? 0 : lengthAfter(op, length);
  if (next === undefined || next < 0) lengths.delete(op.key);
  else lengths.set(op.key, next);
}

/** Of lists that concurrent ops have written to the elements are known one by one. */
function measureMerged(lengths: Map<string, number>, index: LiveIndex): void {
  for (const key of lengths.keys()) {
    const table = index.merged(key)?.table;
    if (table === undefined) continue;
    const isList = table.visibleClass() === 'list' && table.list?.isOpen === false;
    if (isList) lengths.set(key, table.list?.shownLength(table.heldBackRemovals) ?? 0);
    else lengths.delete(key);
  }
}

/** Among concurrent ops the one that is taken in last need not be the one that shows. Without need a key counts as one
 * that holds a HyperLogLog: then the next command on it ships the whole value. */
function noteHyperLogLog(op: LiveOp, index: LiveIndex, { hyperLogLogs }: Recovered): void {
  if (HYPERLOGLOG_KINDS.has(op.kind)) hyperLogLogs.add(op.key);
  else if (op.kind === OpKind.del || op.kind === OpKind.set) {
    if (index.merged(op.key)?.table === undefined) hyperLogLogs.delete(op.key);
  }
}
