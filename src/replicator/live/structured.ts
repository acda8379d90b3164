// The classes of values that keep a structure of their own, and what each begins with.

import type { ValueClass } from './effect.ts';
import { HyperLogLogValue } from './hyperloglogs/hyperloglog-value.ts';
import { JsonValue } from './json/json-value.ts';
import { ListValue } from './lists/list-value.ts';
import type { LiveValue, StructuredClass } from './live-value.ts';
import { StreamValue } from './streams/stream-value.ts';

/** What begins a value of each structured class. */
export const BEGINNINGS: Record<StructuredClass, () => LiveValue> = {
  list: () => new ListValue(),
  hyperloglog: () => new HyperLogLogValue(),
  stream: () => new StreamValue(),
  json: () => new JsonValue(),
};

export function isStructured(valueClass: ValueClass): valueClass is StructuredClass {
  return valueClass in BEGINNINGS;
}
