// Reads of places in JSON documents, and the ops that ship what is read there.

import { addDecimals, isDecimal, isInteger } from '../../model/decimal.ts';
import { OpKind } from '../../model/op.ts';
import { isWithin, type Path, renderPath } from '../live/json/json-path.ts';
import { elementsOf, isSameJson, kindOf, membersOf } from '../live/json/json-text.ts';
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
    return { ...first, purpose: { kind: 'merge', patches: [...a.patches, ...b.patches] } };
  }
  const isSame =
    a.kind === b.kind && (a.kind !== 'assign' || b.kind !== 'assign' || a.only === b.only);
  return isSame ? first : { ...first, purpose: { kind: 'assign' } };
}

/** Whether something is read within the value at this path. */
export function readsWithin({ reads }: JsonRequest, path: Path): boolean {
  return reads.some((read) => read.path.length > path.length && isWithin(read.path, path));
}

/** The request after something else was written at a path, or to the key as a whole: what is read there is not what
 * was added to. */
export function withoutAddsWithin(request: JsonRequest, path: Path): JsonRequest {
  const isOver = ({ path: own, purpose }: JsonRead) =>
    purpose.kind === 'add' && isWithin(own, path);
  if (!request.reads.some(isOver)) return request;
  const reads = request.reads.map((read): JsonRead => {
    return isOver(read) ? { ...read, purpose: { kind: 'assign', only: 'number' } } : read;
  });
  return { ...request, reads };
}

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
  const ops: JsonOp[] = [];
  const integersAt: Path[] = [];
  reads.forEach(({ path, purpose }, i) => {
    const reply = replies[i];
    const text = reply === undefined ? undefined : elementsOf(reply)[0];
    if (text === undefined) return;
    ops.push(...opsOf(key, path, purpose, text));
    if (isInteger(text)) integersAt.push(path);
  });
  return { ops, integersAt };
}

function opsOf(key: string, path: Path, purpose: JsonPurpose, text: string): JsonOp[] {
  switch (purpose.kind) {
    case 'assign': {
      const { only } = purpose;
      return only === undefined || only === kindOf(text) ? [assign(key, path, text)] : [];
    }
    case 'clear': {
      const isEmptied = isSameJson(text, '{}') || isSameJson(text, '[]');
      if (!isEmptied) return [assign(key, path, text)];
      return [change(['JSON.CLEAR', key, rendered(path)])];
    }
    case 'add':
      return kindOf(text) === 'number' ? [added(key, path, purpose.deltas, text)] : [];
    case 'merge':
      return purpose.patches.flatMap((patch) => mergeOps(key, path, patch, text));
  }
}

function added(key: string, path: Path, deltas: readonly string[], text: string): JsonOp {
  const isExact = isInteger(text) && deltas.every(isInteger);
  const delta = deltas.every(isDecimal)
    ? deltas.reduce((sum, next) => addDecimals(sum, next) ?? sum, '0')
    : String(deltas.reduce((sum, next) => sum + Number(next), 0));
  return isExact
    ? change(['JSON.NUMINCRBY', key, rendered(path), delta])
    : change(['JSONADD', key, rendered(path), delta, text]);
}

/** What a patch (RFC 7396) did, member by member, where it did not make the whole value. */
function mergeOps(key: string, path: Path, patch: string, result: string): JsonOp[] {
  const isMerged = kindOf(patch) === 'object' && kindOf(result) === 'object';
  if (!isMerged || isSameJson(withoutNulls(patch), result)) return [assign(key, path, result)];
  const ops: JsonOp[] = [];
  const now = membersOf(result);
  for (const [name, text] of membersOf(patch)) {
    const place = [...path, name];
    const shown = now.get(name);
    // A name that no path can say: whatever it is part of is assigned.
    if (renderPath(place) === undefined) return [assign(key, path, result)];
    if (shown === undefined) ops.push(change(['JSON.DEL', key, rendered(place)]));
    else ops.push(...mergeOps(key, place, text, shown));
  }
  return ops;
}

function withoutNulls(patch: string): string {
  if (kindOf(patch) !== 'object') return patch;
  const parts: string[] = [];
  for (const [name, text] of membersOf(patch)) {
    if (text === 'null') continue;
    const quoted = JSON.stringify(Buffer.from(name, 'latin1').toString('utf8'));
    parts.push(`${Buffer.from(quoted, 'utf8').latin1Slice()}:${withoutNulls(text)}`);
  }
  return `{${parts.join(',')}}`;
}

function assign(key: string, path: Path, text: string): JsonOp {
  return change(['JSON.SET', key, rendered(path), text]);
}

function change(args: readonly string[]): JsonOp {
  return { kind: OpKind.json, args };
}

function rendered(path: Path): string {
  return renderPath(path) as string;
}
