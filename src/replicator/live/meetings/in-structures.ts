// Writes that meet in a value with a structure of its own, which is more than cells by name.

import { OpKind, observed } from '../../../model/op.ts';
import type { CellTable } from '../cells.ts';
import type { Effect } from '../effect.ts';
import type { ListNode } from '../lists/list-node.ts';
import { type ListChange, listChangeOf } from '../lists/list-op.ts';
import type { LiveOp } from '../live-op.ts';
import type { StructuredClass } from '../live-value.ts';
import { streamChangeOf } from '../streams/stream-op.ts';
import type { Conflict, Meeting, Rule } from './conflict.ts';
import { addsAny } from './in-cells.ts';
import { inJson } from './in-json.ts';
import { over } from './over.ts';
import type { RecentWrites } from './recent-writes.ts';

export interface Structure {
  /** What a removal of the key had not seen stays. */
  readonly survivesRemoval: boolean;
  /** What two additions to it come to; null: they do not touch each other. */
  readonly additions: Rule | null;
  /** Any other two writes of this class. */
  readonly meeting?: Meeting;
}

export const STRUCTURES: Record<StructuredClass, Structure> = {
  list: { survivesRemoval: true, additions: 'all elements are kept', meeting: inList },
  hyperloglog: { survivesRemoval: false, additions: null },
  stream: { survivesRemoval: true, additions: null, meeting: inStream },
  json: { survivesRemoval: false, additions: null, meeting: inJson },
};

/** Elements that are looked at for one op: a hot list has thousands that were removed a moment ago. */
const ELEMENTS_MAX = 256;

export function structureOf(valueClass: string | undefined): Structure | undefined {
  return valueClass === undefined ? undefined : STRUCTURES[valueClass as StructuredClass];
}

/** Whether what this op adds stays when the key is removed by who had not seen it. A consumer group does not. */
export function survivesRemoval(valueClass: string, op: LiveOp): boolean {
  if (op.kind === OpKind.xgroupCreate) return false;
  return structureOf(valueClass)?.survivesRemoval === true;
}

export function inStructures(
  op: LiveOp,
  effect: Effect,
  table: CellTable,
  recent: RecentWrites | undefined,
): Conflict | undefined {
  for (const [valueClass, value] of table.values) {
    const { additions, meeting } = STRUCTURES[valueClass];
    const isOwn = effect.valueClass === valueClass;
    if (isOwn && (!effect.adds || additions === null)) {
      const conflict = value.hasUnobserved(op) ? meeting?.(op, effect, table, recent) : undefined;
      if (conflict !== undefined) return conflict;
      continue;
    }
    if (!effect.coversKey && !addsAny(effect)) continue;
    const other = recent?.additionUnseenBy(op, valueClass);
    if (other === undefined || (isOwn ? additions === null : !value.isAlive)) continue;
    if (isOwn) return over({ op, effect }, other, valueClass, additions as Rule);
    if (!addsAny(effect)) {
      const survives = survivesRemoval(valueClass, other);
      const rule = survives ? 'add survives removal' : 'removal wins';
      return over({ op, effect }, other, valueClass, rule, !survives);
    }
    return effect.valueClass === 'opaque'
      ? over({ op, effect }, other, 'opaque', 'newest whole value wins')
      : over({ op, effect }, other, 'mixed', 'newest type shows');
  }
  return undefined;
}

// --- lists ----------------------------------------------------------------------------------------

/** Pops of one element in two regions, LSETs of one element, and an LSET of one that is gone. */
function inList(op: LiveOp, effect: Effect, table: CellTable): Conflict | undefined {
  const list = table.list;
  if (list === undefined || list.isOpen) return undefined;
  const change = listChangeOf(op);
  if (change.kind !== 'trim' && change.kind !== 'assign') return undefined;
  for (const node of nodesOf(op, change, table)) {
    const removal = node.removals.find((earlier) => !observed(op, earlier));
    const assign = node.assigned?.op;
    if (removal !== undefined) {
      if (change.kind === 'assign')
        return over({ op, effect }, removal, 'list', 'removal wins', false);
      const isTaken = POPS.has(op.kind) && POPS.has(removal.kind);
      if (isTaken) return over({ op, effect }, removal, 'list', 'same element taken twice');
    } else if (assign !== undefined && !observed(op, assign)) {
      if (change.kind === 'trim') return over({ op, effect }, assign, 'list', 'removal wins', true);
      return over({ op, effect }, assign, 'list', 'newest assign wins');
    }
  }
  return undefined;
}

const POPS: ReadonlySet<OpKind> = new Set([OpKind.lpop, OpKind.rpop]);

/** The elements that `op` takes away or assigns, as far as they are near the end from which it counts. */
function* nodesOf(
  op: LiveOp,
  change: ListChange & { kind: 'trim' | 'assign' },
  table: CellTable,
): Iterable<ListNode> {
  const isAssign = change.kind === 'assign';
  const atTail = isAssign ? change.at < 0 : change.head === 0;
  let skip = isAssign ? (change.at < 0 ? -change.at - 1 : change.at) : 0;
  let left = isAssign ? 1 : atTail ? change.tail : change.head;
  let looked = 0;
  for (const node of table.list?.nodes(atTail ? 'tail' : 'head') ?? []) {
    if (left <= 0 || ++looked > ELEMENTS_MAX) return;
    if (!node.isVisibleTo(op)) continue;
    if (skip >= node.count) {
      skip -= node.count;
      continue;
    }
    yield node;
    left -= node.count - skip;
    skip = 0;
  }
}

// --- streams --------------------------------------------------------------------------------------

/** Entries of one ID, and a group that is created in one region and destroyed in the other. */
function inStream(op: LiveOp, effect: Effect, table: CellTable): Conflict | undefined {
  const change = streamChangeOf(op);
  if (change.kind === 'add') {
    const other = table.stream?.places.get(change.id)?.op;
    if (other === undefined || observed(op, other)) return undefined;
    return over({ op, effect }, other, 'stream', 'the entry moves to the next free ID');
  }
  if (change.kind !== 'createGroup' && change.kind !== 'destroyGroup') return undefined;
  const isRemoval = change.kind === 'destroyGroup';
  const other = table.stream?.groups.unobserved(change.group, op, !isRemoval);
  return other && over({ op, effect }, other, 'stream', 'removal wins', isRemoval);
}
