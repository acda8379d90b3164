// The values of keys, and the model's own DUMP format: opaque to everyone else, it round-trips between model
// engines and is refused when it is not intact.

import { canonicalHyperLogLog } from './hyperloglog.ts';
import { canonicalJson, copyJson, type JsonValue, parseJson } from './json-document.ts';
import { formatDouble, parseDouble } from './numbers.ts';
import { SortedSet } from './sorted-set.ts';
import type { Stream } from './streams/stream.ts';
import { streamContent, streamFromParts, streamParts } from './streams/stream-dump.ts';

export type StringValue = { readonly type: 'string'; text: string };
export type HashValue = {
  readonly type: 'hash';
  readonly fields: Map<string, string>;
  /** In ms since the epoch, of the fields that have one. */
  readonly expiries: Map<string, number>;
};
export type SetValue = { readonly type: 'set'; readonly members: Set<string> };
export type ZsetValue = { readonly type: 'zset'; readonly zset: SortedSet };
export type StreamValue = { readonly type: 'stream'; readonly stream: Stream };
export type ListValue = { readonly type: 'list'; items: string[] };

export type Value =
  | StringValue
  | HashValue
  | SetValue
  | ZsetValue
  | ListValue
  | StreamValue
  | JsonValue;

/** A copy that shares nothing with `value`. */
export function copyValue(value: Value): Value {
  switch (value.type) {
    case 'string':
      return { type: 'string', text: value.text };
    case 'hash':
      return {
        type: 'hash',
        fields: new Map(value.fields),
        expiries: new Map(value.expiries),
      };
    case 'set':
      return { type: 'set', members: new Set(value.members) };
    case 'zset':
      return { type: 'zset', zset: value.zset.copy() };
    case 'list':
      return { type: 'list', items: [...value.items] };
    case 'stream':
      return { type: 'stream', stream: value.stream.copy() };
    case 'ReJSON-RL':
      return { type: 'ReJSON-RL', root: copyJson(value.root) };
  }
}

/**
 * The content in an order that depends on nothing but the content. Of a HyperLogLog it is the registers; of a stream
 * the entries and the names of the groups, not what was delivered to whom.
 */
export function canonicalContent(value: Value): string[] {
  switch (value.type) {
    case 'string':
      return [canonicalHyperLogLog(value.text) ?? value.text];
    case 'stream':
      return streamContent(value.stream);
    case 'hash':
      return [...parts(value), ...expiriesOf(value)];
    default:
      return parts(value);
  }
}

function expiriesOf({ expiries }: HashValue): string[] {
  const sorted = [...expiries].sort(([a], [b]) => (a < b ? -1 : 1));
  return sorted.map(([name, ms]) => `${name} expires at ${ms}`);
}

/** All that makes the value, in an order that depends on nothing but the content. */
function parts(value: Value): string[] {
  switch (value.type) {
    case 'string':
      return [value.text];
    case 'hash':
      return [...value.fields].sort(([a], [b]) => (a < b ? -1 : 1)).flat();
    case 'set':
      return [...value.members].sort();
    case 'zset':
      return value.zset.ordered().flatMap((item) => [item.member, formatDouble(item.score)]);
    case 'list':
      return [...value.items];
    case 'stream':
      return streamParts(value.stream);
    case 'ReJSON-RL':
      return [canonicalJson(value.root)];
  }
}

const DUMP_PREFIX = 'model1:';

/** DUMP's payload: the type, then each part with its length. */
export function encodeDump(value: Value): string {
  let text = `${DUMP_PREFIX}${value.type}:`;
  for (const part of parts(value)) text += `${part.length}:${part}`;
  return text;
}

/** The value of a payload made by encodeDump, or undefined if it is not one. */
export function decodeDump(payload: string): Value | undefined {
  if (!payload.startsWith(DUMP_PREFIX)) return undefined;
  const typeEnd = payload.indexOf(':', DUMP_PREFIX.length);
  if (typeEnd < 0) return undefined;
  const decoded = decodeParts(payload, typeEnd + 1);
  if (decoded === undefined) return undefined;
  return valueFromParts(payload.slice(DUMP_PREFIX.length, typeEnd), decoded);
}

function decodeParts(payload: string, start: number): string[] | undefined {
  const parts: string[] = [];
  for (let at = start; at < payload.length; ) {
    const colon = payload.indexOf(':', at);
    if (colon < 0) return undefined;
    const length = Number(payload.slice(at, colon));
    at = colon + 1 + length;
    if (!Number.isInteger(length) || length < 0 || at > payload.length) return undefined;
    parts.push(payload.slice(colon + 1, at));
  }
  return parts;
}

function valueFromParts(type: string, parts: string[]): Value | undefined {
  switch (type) {
    case 'string':
      return parts.length === 1 ? { type, text: parts[0] as string } : undefined;
    case 'hash': {
      const fields = new Map<string, string>();
      for (let i = 0; i + 1 < parts.length; i += 2)
        fields.set(parts[i] as string, parts[i + 1] as string);
      return { type, fields, expiries: new Map() };
    }
    case 'set':
      return { type, members: new Set(parts) };
    case 'zset': {
      const zset = new SortedSet();
      for (let i = 0; i + 1 < parts.length; i += 2) {
        zset.set(parts[i] as string, parseDouble(parts[i + 1] as string) ?? 0);
      }
      return { type, zset };
    }
    case 'list':
      return { type, items: parts };
    case 'stream': {
      const stream = streamFromParts(parts);
      return stream === undefined ? undefined : { type, stream };
    }
    case 'ReJSON-RL': {
      const root = parseJson(parts[0] ?? '');
      return root === undefined ? undefined : { type, root };
    }
    default:
      return undefined;
  }
}
