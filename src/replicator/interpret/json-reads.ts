// Reads of places in JSON documents, and the ops that ship what is read there.

import { addDecimals, isDecimal, isInteger } from '../../model/decimal.ts';
import { OpKind } from '../../model/op.ts';
import { isWithin, mayBeWithin, type Path, renderPath } from '../live/json/json-path.ts';
import { elementsOf, isSameJson, kindOf } from '../live/json/json-text.ts';
import { mergeChanges } from './json-merge.ts';
import type { JsonPurpose } from './json-rules.ts';

/** Values at paths of one document, each for a purpose. */
export interface JsonRequest {
  readonly kind: 'json';
  readonly key: string;
  readonly reads: readonly JsonRead[];
}

export interface JsonRead {
  /** One that can be rendered. */
  readonly path: Path;
  readonly purpose: JsonPurpose;
}

export interface JsonOp {
  readonly kind: OpKind;
  readonly args: readonly string[];
}

/** Both requests as one: of two reads of one path one is made. */
export function joinedRequest(first: JsonRequest, second: JsonRequest): JsonRequest {
  const reads = new Map<string, JsonRead>();
  for (const read of [...first.reads, ...second.reads]) {
    const id = rendered(read.path);
    const known = reads.get(id);
    reads.set(id, known === undefined ? read : joined(known, read));
  }
  return { ...first, reads: [...reads.values()] };
}

function joined(first: JsonRead, second: JsonRead): JsonRead {
  const [a, b] = [first.purpose, second.purpose];
  if (a.kind === 'add' && b.kind === 'add') {
    return { ...first, purpose: { kind: 'add', deltas: [...a.deltas, ...b.deltas] } };
  }
  if (a.kind === 'merge' && b.kind === 'merge') {
    const since = [...a.since, ...b.since];
    return { ...first, purpose: { kind: 'merge', patches: [...a.patches, ...b.patches], since } };
  }
  const isSame =
    a.kind === b.kind && (a.kind !== 'assign' || b.kind !== 'assign' || a.only === b.only);
  return isSame ? first : { ...first, purpose: { kind: 'assign' } };
}

/** Whether something is read within the value at this path. */
export function readsWithin({ reads }: JsonRequest, path: Path): boolean {
  return reads.some((read) => read.path.length > path.length && mayBeWithin(read.path, path));
}

/** Another write to the document. */
export interface OtherWrite {
  readonly path: Path;
  readonly kind: 'add' | 'replace' | 'change';
}

/** The request after another write: what is read is not only what was added or merged there before. */
export function afterWrite(request: JsonRequest, write: OtherWrite): JsonRequest {
  const reads = request.reads.map((read) => {
    const { kind } = read.purpose;
    if (kind === 'merge') return mergeAfter(read, write);
    const isOver = kind === 'add' && write.kind !== 'add' && mayBeWithin(read.path, write.path);
    return isOver ? withoutAdds(read) : read;
  });
  return { ...request, reads };
}

function withoutAdds(read: JsonRead): JsonRead {
  return { ...read, purpose: { kind: 'assign', only: 'number' } };
}

function mergeAfter(read: JsonRead, write: OtherWrite): JsonRead {
  const { path, purpose } = read;
  if (purpose.kind !== 'merge') return read;
  if (write.path.length > path.length && mayBeWithin(write.path, path)) {
    const since = [...purpose.since, write.path.slice(path.length)];
    return { ...read, purpose: { ...purpose, since } };
  }
  if (write.kind !== 'replace' || !mayBeWithin(path, write.path)) return read;
  const isGone = isWithin(path, write.path);
  return { ...read, purpose: isGone ? NOTHING_MERGED : { kind: 'assign' } };
}

const NOTHING_MERGED: JsonPurpose = { kind: 'merge', patches: [], since: [] };

/** As the engine is asked for them. */
export function pathsOf({ reads }: JsonRequest): string[] {
  return reads.map(({ path }) => rendered(path));
}

export interface JsonOutcome {
  readonly ops: JsonOp[];
  /** Places that hold an integer. */
  readonly integersAt: Path[];
}

/** `replies`: for each read what JSON.GET answers for its path, which is all values in an array. */
export function jsonOutcome(
  { key, reads }: JsonRequest,
  replies: readonly (string | undefined)[],
): JsonOutcome {
  const changes: Change[] = [];
  const integersAt: Path[] = [];
  reads.forEach((read, i) => {
    const reply = replies[i];
    const text = reply === undefined ? undefined : elementsOf(reply)[0];
    if (text === undefined) return;
    if (isInteger(text)) integersAt.push(read.path);
    // What was added is in what is assigned around it.
    const isAssigned =
      read.purpose.kind === 'add' &&
      changes.some(({ name, path }) => name === 'JSON.SET' && mayBeWithin(read.path, path));
    changes.push(...changesOf(isAssigned ? withoutAdds(read) : read, text));
  });
  const ops = changes.map(({ name, path, rest }) => ({
    kind: OpKind.json,
    args: [name, key, rendered(path), ...rest],
  }));
  return { ops, integersAt };
}

/** A command without its key. */
interface Change {
  readonly name: string;
  readonly path: Path;
  readonly rest: readonly string[];
}

function changesOf({ path, purpose }: JsonRead, text: string): Change[] {
  switch (purpose.kind) {
    case 'assign': {
      const { only } = purpose;
      return only === undefined || only === kindOf(text) ? [assignment(path, text)] : [];
    }
    case 'clear': {
      const isEmptied = isSameJson(text, '{}') || isSameJson(text, '[]');
      return [isEmptied ? { name: 'JSON.CLEAR', path, rest: [] } : assignment(path, text)];
    }
    case 'add':
      return kindOf(text) === 'number' ? [added(path, purpose.deltas, text)] : [];
    case 'merge':
      return mergeChanges(path, purpose, text).map((change) =>
        change.text === undefined
          ? { name: 'JSON.DEL', path: change.path, rest: [] }
          : assignment(change.path, change.text),
      );
  }
}

function added(path: Path, deltas: readonly string[], text: string): Change {
  const isExact = isInteger(text) && deltas.every(isInteger);
  const delta = deltas.every(isDecimal)
    ? deltas.reduce((sum, next) => addDecimals(sum, next) ?? sum, '0')
    : String(deltas.reduce((sum, next) => sum + Number(next), 0));
  return isExact
    ? { name: 'JSON.NUMINCRBY', path, rest: [delta] }
    : { name: 'JSONADD', path, rest: [delta, text] };
}

function assignment(path: Path, text: string): Change {
  return { name: 'JSON.SET', path, rest: [text] };
}

function rendered(path: Path): string {
  return renderPath(path) as string;
}
