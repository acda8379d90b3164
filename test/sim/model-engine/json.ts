// JSON commands of the model engine, as valkey-json answers and propagates them: as they were written, mostly also
// where they changed nothing. JSON.MERGE is that of RedisJSON. Paths are names, indexes and wildcards.

import { at, type CommandTable } from './command-table.ts';
import {
  assignAt,
  copyJson,
  type Json,
  type JsonValue,
  jsonText,
  merged,
  type Place,
  parseJson,
  placesOf,
  removeAt,
  stepsOf,
  valueAt,
} from './json-document.ts';
import type { Keyspace } from './keyspace.ts';
import {
  bulk,
  bulkOrNull,
  integer,
  type ModelReply,
  NULL,
  OK,
  Refusal,
  SYNTAX_ERROR,
  ZERO,
} from './reply.ts';

const NO_DOCUMENT = new Refusal('NONEXISTENT The key does not exist');
const NO_PATH = new Refusal('NONEXISTENT JSON path does not exist');
const NOT_JSON = new Refusal('SYNTAXERR Failed to parse JSON string due to syntax error');
const NOT_AT_ROOT = new Refusal("SYNTAXERR A new Valkey key's path must be root");
const OUT_OF_BOUNDS = new Refusal('OUTOFBOUNDARIES Array index is out of bounds');
const NOT_FINITE = new Refusal('OVERFLOW Result is out of range');

function jsonArgument(text: string): Json {
  const value = parseJson(text);
  if (value === undefined) throw NOT_JSON;
  return value;
}

function stepsArgument(path: string) {
  const steps = stepsOf(path);
  if (steps === undefined) throw new Refusal(`SYNTAXERR Invalid JSON path: ${path}`);
  return steps;
}

function document(space: Keyspace, key: string): JsonValue {
  const found = space.findJson(key);
  if (found === undefined) throw NO_DOCUMENT;
  return found;
}

/** `setEndsExpiry`: JSON.SET of a document that is there ends its expiry, as in valkey-json. */
export function jsonCommands(setEndsExpiry: boolean): CommandTable {
  const put = (space: Keyspace, key: string, root: Json): void => {
    const found = space.findJson(key);
    if (found !== undefined && !setEndsExpiry) found.root = root;
    else space.assign(key, { type: 'ReJSON-RL', root });
    space.changed(key);
  };
  return {
    'JSON.SET': [-4, (space, args) => set(space, args, put)],
    'JSON.MSET': [-4, (space, args) => setMany(space, args, put)],
    'JSON.MERGE': [4, (space, args) => merge(space, args, put)],
    'JSON.GET': [-2, get],
    'JSON.DEL': [-2, remove],
    'JSON.FORGET': [-2, remove],
    'JSON.NUMINCRBY': [4, (space, args) => calculate(space, args, (a, b) => a + b)],
    'JSON.NUMMULTBY': [4, (space, args) => calculate(space, args, (a, b) => a * b)],
    'JSON.STRAPPEND': [-3, appendText],
    'JSON.TOGGLE': [-2, toggle],
    'JSON.CLEAR': [-2, clear],
    'JSON.ARRAPPEND': [-4, (space, args) => insert(space, args, undefined, 3)],
    'JSON.ARRINSERT': [-5, (space, args) => insert(space, args, Number(at(args, 3)), 4)],
    'JSON.ARRPOP': [-2, pop],
    'JSON.ARRTRIM': [5, trim],
  };
}

type Put = (space: Keyspace, key: string, root: Json) => void;

function set(space: Keyspace, args: readonly string[], put: Put): ModelReply {
  const [, key = '', path = '', text = '', option = ''] = args;
  const condition = option.toUpperCase();
  if (args.length > 5 || (args.length === 5 && condition !== 'NX' && condition !== 'XX')) {
    throw SYNTAX_ERROR;
  }
  const value = jsonArgument(text);
  const steps = stepsArgument(path);
  const found = space.findJson(key);
  if (found === undefined && steps.length > 0) throw NOT_AT_ROOT;
  if (steps.length === 0) {
    if (condition === (found === undefined ? 'XX' : 'NX')) return NULL;
    put(space, key, value);
    return OK;
  }
  const places = placesOf(found as JsonValue, steps, true).filter((place) => {
    const isThere = valueAt(found as JsonValue, place) !== undefined;
    return condition !== (isThere ? 'NX' : 'XX');
  });
  if (places.length === 0) {
    if (condition !== '') return NULL;
    throw typeof steps.at(-1) === 'number' ? OUT_OF_BOUNDS : NO_PATH;
  }
  for (const place of places) assignAt(found as JsonValue, place, copyJson(value));
  space.changed(key);
  return OK;
}

function setMany(space: Keyspace, args: readonly string[], put: Put): ModelReply {
  if (args.length % 3 !== 1) throw SYNTAX_ERROR;
  for (let i = 1; i < args.length; i += 3) {
    const isRoot = stepsArgument(at(args, i + 1)).length === 0;
    jsonArgument(at(args, i + 2));
    const found = space.findJson(at(args, i));
    if (isRoot) continue;
    if (found === undefined) throw NOT_AT_ROOT;
    const steps = stepsArgument(at(args, i + 1));
    if (placesOf(found, steps, true).length === 0) throw NO_PATH;
  }
  for (let i = 1; i < args.length; i += 3) {
    set(space, ['JSON.SET', at(args, i), at(args, i + 1), at(args, i + 2)], put);
  }
  return OK;
}

function merge(space: Keyspace, args: readonly string[], put: Put): ModelReply {
  const [, key = '', path = '', text = ''] = args;
  const patch = jsonArgument(text);
  const steps = stepsArgument(path);
  const found = space.findJson(key);
  if (found === undefined) {
    if (steps.length > 0) throw NOT_AT_ROOT;
    put(space, key, merged(undefined, patch));
    return OK;
  }
  const places = placesOf(found, steps, true);
  if (places.length === 0) return NULL;
  for (const place of places) {
    assignAt(found, place, merged(valueAt(found, place), copyJson(patch)));
  }
  space.changed(key);
  return OK;
}

function get(space: Keyspace, args: readonly string[]): ModelReply {
  const found = space.findJson(at(args, 1));
  if (found === undefined) return NULL;
  const path = args[2] ?? '.';
  const places = placesOf(found, stepsArgument(path));
  const texts = places.map((place) => jsonText(valueAt(found, place) as Json));
  if (path.startsWith('$')) return bulk(`[${texts.join(',')}]`);
  if (texts[0] === undefined) throw NO_PATH;
  return bulk(texts[0]);
}

function remove(space: Keyspace, args: readonly string[]): ModelReply {
  const key = at(args, 1);
  const found = space.findJson(key);
  if (found === undefined) return ZERO;
  const steps = stepsArgument(args[2] ?? '.');
  const places = placesOf(found, steps);
  // From the end, so that the places still to come stay what they are.
  for (const place of places.toReversed()) {
    if (place.holder === undefined) space.remove(key);
    else removeAt(place);
  }
  space.changed(key);
  return integer(places.length);
}

/** Runs `change` on every place that a path names; it is propagated whatever that changes. */
function onEach(
  space: Keyspace,
  args: readonly string[],
  path: string,
  change: (value: Json, place: Place, found: JsonValue) => void,
): ModelReply {
  const key = at(args, 1);
  const found = document(space, key);
  const places = placesOf(found, stepsArgument(path));
  if (places.length === 0 && !path.startsWith('$')) throw NO_PATH;
  for (const place of places) change(valueAt(found, place) as Json, place, found);
  space.changed(key);
  return OK;
}

function calculate(
  space: Keyspace,
  args: readonly string[],
  operation: (a: number, b: number) => number,
): ModelReply {
  const operand = jsonArgument(at(args, 3));
  if (typeof operand !== 'number') throw NOT_JSON;
  const path = at(args, 2);
  const found = document(space, at(args, 1));
  for (const place of placesOf(found, stepsArgument(path))) {
    const value = valueAt(found, place);
    if (typeof value === 'number' && !Number.isFinite(operation(value, operand))) throw NOT_FINITE;
  }
  return onEach(space, args, path, (value, place) => {
    if (typeof value === 'number') assignAt(found, place, operation(value, operand));
  });
}

function appendText(space: Keyspace, args: readonly string[]): ModelReply {
  const text = jsonArgument(at(args, args.length - 1));
  if (typeof text !== 'string') throw NOT_JSON;
  return onEach(space, args, args.length > 3 ? at(args, 2) : '.', (value, place, found) => {
    if (typeof value === 'string') assignAt(found, place, value + text);
  });
}

function toggle(space: Keyspace, args: readonly string[]): ModelReply {
  return onEach(space, args, args[2] ?? '.', (value, place, found) => {
    if (typeof value === 'boolean') assignAt(found, place, !value);
  });
}

function clear(space: Keyspace, args: readonly string[]): ModelReply {
  return onEach(space, args, args[2] ?? '.', (value, place, found) => {
    if (Array.isArray(value)) value.length = 0;
    else if (value instanceof Map) value.clear();
    else if (typeof value === 'number') assignAt(found, place, 0);
    else if (typeof value === 'string') assignAt(found, place, '');
    else if (typeof value === 'boolean') assignAt(found, place, false);
  });
}

function insert(
  space: Keyspace,
  args: readonly string[],
  index: number | undefined,
  from: number,
): ModelReply {
  const values = args.slice(from).map(jsonArgument);
  const path = at(args, 2);
  const found = document(space, at(args, 1));
  for (const place of placesOf(found, stepsArgument(path))) {
    const array = valueAt(found, place);
    if (!Array.isArray(array) || index === undefined) continue;
    if (index > array.length || index < -array.length) throw OUT_OF_BOUNDS;
  }
  return onEach(space, args, path, (value) => {
    if (!Array.isArray(value)) return;
    const place = index === undefined ? value.length : index < 0 ? value.length + index : index;
    value.splice(place, 0, ...values.map(copyJson));
  });
}

function pop(space: Keyspace, args: readonly string[]): ModelReply {
  const index = Number(args[3] ?? -1);
  let popped: Json | undefined;
  onEach(space, args, args[2] ?? '.', (value) => {
    if (!Array.isArray(value) || value.length === 0) return;
    const place = index < 0 ? Math.max(0, value.length + index) : Math.min(index, value.length - 1);
    [popped] = value.splice(place, 1);
  });
  return bulkOrNull(popped === undefined ? undefined : jsonText(popped));
}

function trim(space: Keyspace, args: readonly string[]): ModelReply {
  const [start, stop] = [Number(at(args, 3)), Number(at(args, 4))];
  return onEach(space, args, at(args, 2), (value) => {
    if (!Array.isArray(value)) return;
    const { length } = value;
    const first = start < 0 ? Math.max(0, length + start) : start;
    const last = Math.min(stop < 0 ? length + stop : stop, length - 1);
    value.splice(last + 1);
    value.splice(0, first > last ? value.length : first);
  });
}
