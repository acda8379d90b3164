// The commands that make a list in the engine what its elements say. All changes of a batch are written at
// once: changes that stand together become one command at an end of the list, or one script that takes
// the end off and puts it back changed. What nobody changed is not touched, and its values need not be known.

import { OpKind } from '../../model/op.ts';
import type { CommandWriter } from '../../resp/command-writer.ts';
import type { ListNode } from '../live/lists/list-node.ts';
import { type ListChange, listChangeOf } from '../live/lists/list-op.ts';
import type { ListValue } from '../live/lists/list-value.ts';
import type { LiveOp } from '../live/live-op.ts';
import { LIST_EDIT_SCRIPT, LIST_SPLICE_SCRIPT } from './list-scripts.ts';

/** Elements between two changes that are rather taken off and put back than the changes written apart. */
const GAP_MAX = 16;
/** Elements that are rather taken off and put back than the place searched for by the engine. */
const SPLICE_MAX = 256;

/** What happens to an element, or a run of them, from left to right. */
type Step =
  | { readonly kind: 'keep' | 'drop'; readonly count: number }
  | { readonly kind: 'add' | 'set'; readonly value: string };

/** Changes that stand together, with what the engine shows on either side of them. */
interface Group {
  readonly steps: readonly Step[];
  /** Elements that the engine shows within the group. */
  readonly shown: number;
  /** Elements between this group and the next. */
  readonly gap: number;
  /** Elements behind the group. */
  readonly behind: number;
}

/** Writes an op that no engine command says, in an engine that shows what its origin saw. */
export function writeListOp(op: LiveOp, out: CommandWriter): void {
  const change = listChangeOf(op);
  const edits = op.kind === OpKind.lremAt || op.kind === OpKind.linsertAt ? editsOf(change) : [];
  out.command(['EVAL', LIST_EDIT_SCRIPT, '1', op.key, ...edits]);
}

function editsOf(change: ListChange): string[] {
  if (change.kind === 'remove') {
    // From the tail, so that the places still to come stay what they are.
    return [...change.at].sort((a, b) => b - a).flatMap((at) => ['drop', String(at), '']);
  }
  if (change.kind !== 'insert') return [];
  const at = change.side === 'before' ? change.at : change.at + 1;
  return ['add', String(at), change.value];
}

/** Writes what has changed since the list was last marked as shown, and marks it. */
export function writeListChanges(
  key: string,
  list: ListValue,
  heldBack: ReadonlySet<LiveOp>,
  out: CommandWriter,
): void {
  if (!list.isChanged(heldBack)) return;
  let ahead = 0;
  for (const group of groupsOf(list, heldBack)) {
    writeGroup(key, group, ahead, out);
    ahead += lengthAfter(group.steps) + group.gap;
  }
  list.markShown(heldBack);
}

function groupsOf(list: ListValue, heldBack: ReadonlySet<LiveOp>): Group[] {
  const groups: { steps: Step[]; shown: number; gap: number }[] = [];
  // Whatever stands before the first change is a group without changes.
  let open = { steps: [] as Step[], shown: 0, gap: 0 };
  groups.push(open);
  for (const node of list.nodes()) {
    const step = stepOf(node, heldBack);
    if (step === undefined) continue;
    if (step.kind === 'keep') {
      open.gap += step.count;
      continue;
    }
    if (open.gap > GAP_MAX || open.steps.length === 0) {
      open = { steps: [], shown: 0, gap: 0 };
      groups.push(open);
    } else if (open.gap > 0) {
      open.steps.push({ kind: 'keep', count: open.gap });
      open.shown += open.gap;
      open.gap = 0;
    }
    open.steps.push(step);
    if (step.kind === 'drop') open.shown += step.count;
    if (step.kind === 'set') open.shown += 1;
  }
  return withPlaces(groups);
}

function withPlaces(groups: { steps: Step[]; shown: number; gap: number }[]): Group[] {
  let behind = 0;
  const placed: Group[] = [];
  for (const { steps, shown, gap } of groups.reverse()) {
    behind += gap;
    placed.push({ steps, shown, gap, behind });
    behind += shown;
  }
  return placed.reverse();
}

function stepOf(node: ListNode, heldBack: ReadonlySet<LiveOp>): Step | undefined {
  const shows = node.isShown(heldBack);
  if (!shows) return node.wasShown ? { kind: 'drop', count: node.count } : undefined;
  if (!node.wasShown) return { kind: 'add', value: node.text as string };
  if (node.isChanged(heldBack)) return { kind: 'set', value: node.text as string };
  return { kind: 'keep', count: node.count };
}

function lengthAfter(steps: readonly Step[]): number {
  let length = 0;
  for (const step of steps) {
    if (step.kind === 'keep') length += step.count;
    else if (step.kind !== 'drop') length += 1;
  }
  return length;
}

/** `ahead`: elements before the group, in an engine where all groups before it are written. */
function writeGroup(key: string, group: Group, ahead: number, out: CommandWriter): void {
  const { steps, shown, behind } = group;
  if (steps.length === 0) return;
  const adds = steps.every((s) => s.kind === 'add');
  const drops = steps.every((s) => s.kind === 'drop');
  if (steps.length === 1 && steps[0]?.kind === 'set') {
    out.command(['LSET', key, String(ahead), steps[0].value]);
  } else if (drops && (ahead === 0 || behind === 0)) {
    out.command([ahead === 0 ? 'LPOP' : 'RPOP', key, String(shown)]);
  } else if (adds && (ahead === 0 || behind === 0)) {
    writePushes(key, steps, behind === 0 ? 'RPUSH' : 'LPUSH', out);
  } else if (Math.min(ahead, behind) + shown <= SPLICE_MAX) {
    const side = behind <= ahead ? 'tail' : 'head';
    const aside = String(side === 'tail' ? behind : ahead);
    const argv = steps.flatMap((s) => [s.kind, 'count' in s ? String(s.count) : s.value]);
    out.command(['EVAL', LIST_SPLICE_SCRIPT, '1', key, side, aside, String(shown), ...argv]);
  } else {
    writeEdits(key, steps, ahead, out);
  }
}

/** Longer argument lists than this are split. */
const VALUES_MAX = 1000;

function writePushes(
  key: string,
  steps: readonly Step[],
  name: 'LPUSH' | 'RPUSH',
  out: CommandWriter,
): void {
  const values = steps.map((s) => ('value' in s ? s.value : ''));
  if (name === 'LPUSH') values.reverse();
  for (let i = 0; i < values.length; i += VALUES_MAX) {
    out.command([name, key, ...values.slice(i, i + VALUES_MAX)]);
  }
}

function writeEdits(key: string, steps: readonly Step[], ahead: number, out: CommandWriter): void {
  let at = ahead;
  const edits: string[] = [];
  for (const step of steps) {
    if (step.kind === 'keep') {
      at += step.count;
    } else if (step.kind === 'drop') {
      for (let i = 0; i < step.count; i++) edits.push('drop', String(at), '');
    } else if ('value' in step) {
      edits.push(step.kind, String(at++), step.value);
    }
  }
  for (let i = 0; i < edits.length; i += 3 * VALUES_MAX) {
    out.command(['EVAL', LIST_EDIT_SCRIPT, '1', key, ...edits.slice(i, i + 3 * VALUES_MAX)]);
  }
}
