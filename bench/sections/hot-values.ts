// Do regions show the same value? Replies as rows of texts, and their difference in words.

import type { HotKey } from '../load/hot-keys.ts';

/** A reply as a row of texts, the same for equal values whatever order the engine gives them in. */
export function canonical(hotKey: HotKey, reply: unknown): string[] {
  const texts = flat(reply);
  const size = hotKey.unorderedBy;
  if (size === undefined) return texts;
  const groups: string[][] = [];
  for (let at = 0; at < texts.length; at += size) groups.push(texts.slice(at, at + size));
  const byFirst = ([a = '']: string[], [b = '']: string[]) => (a < b ? -1 : a > b ? 1 : 0);
  return groups.sort(byFirst).flat();
}

function flat(reply: unknown): string[] {
  if (Array.isArray(reply)) return reply.flatMap(flat);
  if (Buffer.isBuffer(reply)) return [reply.toString('latin1')];
  return [reply === null ? '(nothing)' : String(reply)];
}

/**
 * In words, how the regions' values differ; null when they do not. Values are told apart by their
 * number of texts and, where that is the same, by the place of the first difference from the first region.
 */
export function difference(values: ReadonlyMap<string, readonly string[]>): string | null {
  const [first, ...others] = values;
  if (first === undefined) return null;
  const said = others.flatMap(([region, texts]) => {
    const at = texts.findIndex((text, i) => text !== first[1][i]);
    if (at < 0 && texts.length === first[1].length) return [];
    if (texts.length !== first[1].length) return [`${region} has ${texts.length}`];
    return [`${region} from part ${at + 1} on`];
  });
  return said.length === 0 ? null : `${first[0]} has ${first[1].length} parts, ${said.join(', ')}`;
}
