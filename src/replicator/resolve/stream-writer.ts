// The commands that make a stream in the engine what its entries and groups say. All changes of a batch are
// written at once: what stands behind the first of them is taken off and put back once, however many there are.

import { OpKind } from '../../model/op.ts';
import type { CommandWriter } from '../../resp/command-writer.ts';
import type { LiveOp } from '../live/live-op.ts';
import { StreamEdits } from '../live/streams/stream-edits.ts';
import type { StreamEntry } from '../live/streams/stream-entry.ts';
import { formatStreamId, type StreamId } from '../live/streams/stream-id.ts';
import { addedFields, streamChangeOf } from '../live/streams/stream-op.ts';
import type { StreamValue } from '../live/streams/stream-value.ts';
import type { StreamPacking } from './stream-packing.ts';
import { MAKER_GROUP, STREAM_DONE_SCRIPT, STREAM_MERGE_SCRIPT } from './stream-scripts.ts';

/** An entry that is to be at `id`: a new one, or one that stands elsewhere. */
interface Placing {
  readonly id: StreamId;
  readonly from: StreamId | undefined;
  readonly fields: readonly string[];
}

interface Changes {
  readonly removals: readonly StreamId[];
  readonly placings: readonly Placing[];
}

/** True for ops that no engine command says. Nor does XTRIM with MINID: where entries were taken off and put back it
 * can stop before it has cut all. */
export function needsStreamScript(op: LiveOp): boolean {
  return op.kind === OpKind.xdone || op.kind === OpKind.xtrim;
}

/** Writes such an op in an engine that shows what its origin saw. */
export function writeStreamOp(op: LiveOp, out: CommandWriter): void {
  const change = streamChangeOf(op);
  if (change.kind === 'done') {
    writeDone(op, undefined, out);
  } else if (change.kind === 'trim') {
    if (change.below === 0n) return;
    const edits = new StreamEdits();
    edits.trims.push(change);
    writeMerge(op.key, { removals: [], placings: [] }, edits, undefined, out);
  }
}

/** Adds the entry of `op` in an engine that may show others behind it, or in its place, that no op tells of. */
export function writeAddAmongMissed(op: LiveOp, out: CommandWriter): void {
  const change = streamChangeOf(op);
  if (change.kind !== 'add') return;
  const placing = { id: change.id, from: undefined, fields: addedFields(op) };
  writeMerge(op.key, { removals: [], placings: [placing] }, new StreamEdits(), undefined, out);
}

/** The group is done with what `op` had observed. `stream`: as live ops tell about it. */
export function writeDone(op: LiveOp, stream: StreamValue | undefined, out: CommandWriter): void {
  const change = streamChangeOf(op);
  if (change.kind !== 'done') return;
  const { group, id } = change;
  const except = stream?.unseenUpTo(id, op) ?? [];
  out.command([
    'EVAL',
    STREAM_DONE_SCRIPT,
    '1',
    op.key,
    group,
    formatStreamId(id),
    ...except.map(formatStreamId),
  ]);
}

/** Writes what has changed since the stream was last marked as shown, and marks it. */
export function writeStreamChanges(
  key: string,
  stream: StreamValue,
  packing: StreamPacking,
  out: CommandWriter,
): void {
  const { edits } = stream;
  if (edits === undefined) return;
  const changes = changesOf(stream);
  const isSame = changes.removals.length === 0 && changes.placings.length === 0;
  if (isSame && edits.isEmpty) return;
  const first = changes.placings[0]?.id;
  const isLate = first !== undefined && first < stream.places.topBefore;
  const pack = isLate ? packing.startFor(key, first) : undefined;
  writeMerge(key, changes, edits, stream, out, pack);
  stream.markShown();
}

/** Writes all that live ops tell about a stream, whatever the engine shows. */
export function writeStreamSettled(key: string, stream: StreamValue, out: CommandWriter): void {
  const entries = [...stream.places.entries()].sort(byPlace);
  const placings: Placing[] = [];
  for (const { op, isShown, place } of entries) {
    if (isShown && op !== undefined) {
      placings.push({ id: place, from: place, fields: addedFields(op) });
    }
  }
  const edits = new StreamEdits();
  for (const [name] of stream.groups.alive) edits.groups.set(name, false);
  for (const name of stream.groups.destroyed) edits.groups.set(name, true);
  edits.mustExist = stream.isAlive;
  const removals = entries.filter(({ isShown }) => !isShown).map(({ place }) => place);
  writeMerge(key, { removals, placings }, edits, stream, out);
}

/** The commands that build the whole stream, from nothing; undefined when not all of it is known. */
export function streamCommands(key: string, stream: StreamValue): string[][] | undefined {
  const commands: string[][] = [];
  let last: StreamId = 0n;
  for (const { op, isShown, place } of [...stream.places.entries()].sort(byPlace)) {
    if (!isShown) continue;
    if (op === undefined) return undefined;
    commands.push(['XADD', key, formatStreamId(place), ...addedFields(op)]);
    last = place;
  }
  if (commands.length === 0) {
    commands.push(['XGROUP', 'CREATE', key, MAKER_GROUP, '0', 'MKSTREAM']);
    commands.push(['XGROUP', 'DESTROY', key, MAKER_GROUP]);
  }
  const { id } = stream.lastId;
  if (id > last) commands.push(['XSETID', key, formatStreamId(id)]);
  for (const [name, creation] of stream.groups.alive) {
    commands.push(['XGROUP', 'CREATE', key, name, formatStreamId(creation.id)]);
  }
  return commands;
}

function changesOf(stream: StreamValue): Changes {
  const { places } = stream;
  const arrived: StreamEntry[] = [];
  const left = new Map<string, StreamId>();
  for (const place of places.changed) {
    const before = shown(places.before(place));
    const after = shown(places.get(place));
    if (before !== undefined && after !== undefined && before.shares(after)) continue;
    if (after !== undefined) arrived.push(after);
    if (before !== undefined) for (const name of namesOf(before)) left.set(name, place);
  }
  const removals = new Set(left.values());
  const placings = arrived.sort(byPlace).map((entry) => {
    for (const name of namesOf(entry)) {
      const from = left.get(name);
      if (from === undefined) continue;
      removals.delete(from);
      return { id: entry.place, from, fields: [] };
    }
    const { op } = entry;
    return { id: entry.place, from: undefined, fields: op === undefined ? [] : addedFields(op) };
  });
  return { removals: [...removals], placings };
}

function shown(entry: StreamEntry | undefined): StreamEntry | undefined {
  return entry?.isShown === true ? entry : undefined;
}

/** One for each contribution: any of them tells the entry. */
function namesOf({ contributions }: StreamEntry): string[] {
  return contributions.map(({ source }) => `${source.origin} ${source.seq}`);
}

function byPlace(a: StreamEntry, b: StreamEntry): number {
  return a.place < b.place ? -1 : 1;
}

/** `stream`: as it shall be; undefined when only `edits` count. */
function writeMerge(
  key: string,
  { removals, placings }: Changes,
  edits: StreamEdits,
  stream: StreamValue | undefined,
  out: CommandWriter,
  pack?: StreamId,
): void {
  const groups = [...edits.groups];
  const destroyed = groups.filter(([, isDestroyed]) => isDestroyed).map(([name]) => name);
  const argv = counted(destroyed);
  argv.push(String(edits.trims.length));
  for (const { below, keep } of edits.trims) {
    const kept = stream === undefined ? keep : [...keep, ...keptBelow(stream, below)];
    argv.push(formatStreamId(below), ...counted(kept.map(formatStreamId)));
  }
  argv.push(...counted([...edits.removals, ...removals].map(formatStreamId)));
  argv.push(String(placings.length));
  for (const { id, from, fields } of placings) {
    argv.push(formatStreamId(id), from === undefined ? '' : formatStreamId(from));
    argv.push(...counted(fields));
  }
  argv.push(pack === undefined ? '' : formatStreamId(pack));
  argv.push(edits.mustExist ? '1' : '0', ...lastIdArguments(edits, stream));
  const created = groups.flatMap(([name]) => creationArguments(name, stream));
  argv.push(String(created.length), ...created.flat());
  out.command(['EVAL', STREAM_MERGE_SCRIPT, '1', key, ...argv]);
}

/** Entries below an ID that the engine shows, and that do not go because of that. */
function keptBelow({ places }: StreamValue, below: StreamId): StreamId[] {
  const kept: StreamId[] = [];
  for (const { place, isShown } of places.entries()) {
    if (isShown && place < below && shown(places.before(place)) !== undefined) kept.push(place);
  }
  // Who has left its place is still there when the script comes to the trim.
  for (const place of places.changed) {
    if (place < below && shown(places.before(place)) !== undefined) kept.push(place);
  }
  return [...new Set(kept)];
}

function lastIdArguments(edits: StreamEdits, stream: StreamValue | undefined): [string, string] {
  const { id, isAssigned } = stream?.lastId ?? { id: 0n, isAssigned: false };
  if (id === 0n && !edits.assignsLastId) return ['', '0'];
  return [formatStreamId(id), isAssigned ? '1' : '0'];
}

function creationArguments(name: string, stream: StreamValue | undefined): string[][] {
  const creation = stream?.groups.creationOf(name);
  if (stream === undefined || creation === undefined) return [];
  const missed = stream.unseenUpTo(creation.id, creation.op).map(formatStreamId);
  return [[name, formatStreamId(creation.id), ...counted(missed)]];
}

function counted(items: readonly string[]): string[] {
  return [String(items.length), ...items];
}
