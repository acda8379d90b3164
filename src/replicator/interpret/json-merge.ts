// What merging patches (RFC 7396) into a value of a JSON document did, told from what is there afterwards, member by
// member. Where they may have made the value, it is assigned as a whole: elsewhere there may be nothing to put
// members into.

import { type Path, renderPath } from '../live/json/json-path.ts';
import { isSameJson, kindOf, membersOf, quote } from '../live/json/json-text.ts';

export interface Merged {
  readonly patches: readonly string[];
  /** Where within the value something else was written afterwards, as paths from it. */
  readonly since: readonly Path[];
}

export interface MergeChange {
  readonly path: Path;
  /** What is there now; undefined: nothing. */
  readonly text: string | undefined;
}

/** `result`: what is at `path` now. */
export function mergeChanges(path: Path, merged: Merged, result: string): MergeChange[] {
  const { patches, since } = merged;
  if (mayBeMade(merged, result)) return [{ path, text: result }];
  const changes: MergeChange[] = [];
  const now = membersOf(result);
  const members = patches.map(membersOf);
  for (const name of new Set(members.flatMap((one) => [...one.keys()]))) {
    const place = [...path, name];
    const shown = now.get(name);
    // A name that no path can say: whatever it is part of is assigned.
    if (renderPath(place) === undefined) return [{ path, text: result }];
    if (shown === undefined) {
      changes.push({ path: place, text: undefined });
      continue;
    }
    const inner = members.flatMap((one) => one.get(name) ?? []);
    const innerSince = since.filter(([first]) => first === name).map(([, ...rest]) => rest);
    changes.push(...mergeChanges(place, { patches: inner, since: innerSince }, shown));
  }
  return changes;
}

/** Whether all that is there may come from the patches, and from what was written afterwards. */
function mayBeMade({ patches, since }: Merged, result: string): boolean {
  if (![...patches, result].every((text) => kindOf(text) === 'object')) return true;
  if (since.length === 0) {
    const made = patches.reduce<string | undefined>(mergedInto, undefined);
    return made !== undefined && isSameJson(made, result);
  }
  const names = new Set<Path[number] | undefined>(since.map(([first]) => first));
  for (const patch of patches) for (const name of membersOf(patch).keys()) names.add(name);
  return [...membersOf(result).keys()].every((name) => names.has(name));
}

/** What a patch makes of a value, or of nothing. */
function mergedInto(value: string | undefined, patch: string): string {
  if (kindOf(patch) !== 'object') return patch;
  const isObject = value !== undefined && kindOf(value) === 'object';
  const members = isObject ? membersOf(value) : new Map<string, string>();
  for (const [name, text] of membersOf(patch)) {
    if (text === 'null') members.delete(name);
    else members.set(name, mergedInto(members.get(name), text));
  }
  const parts = [...members].map(([name, text]) => `${quote(name)}:${text}`);
  return `{${parts.join(',')}}`;
}
