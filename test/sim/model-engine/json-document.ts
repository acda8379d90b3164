// JSON documents of the model engine: values, their texts, and the places that a path names.

/** Objects are maps, so that members keep their order and any name will do. */
export type Json = null | boolean | number | string | Json[] | Map<string, Json>;

export type JsonValue = { readonly type: 'ReJSON-RL'; root: Json };

/** Undefined for what is no JSON. */
export function parseJson(text: string): Json | undefined {
  try {
    return fromPlain(JSON.parse(text));
  } catch {
    return undefined;
  }
}

function fromPlain(value: unknown): Json {
  if (Array.isArray(value)) return value.map(fromPlain);
  if (typeof value === 'object' && value !== null) {
    return new Map(Object.entries(value).map(([name, member]) => [name, fromPlain(member)]));
  }
  return value as Json;
}

export function jsonText(value: Json): string {
  if (Array.isArray(value)) return `[${value.map(jsonText).join(',')}]`;
  if (!(value instanceof Map)) return JSON.stringify(value);
  const members = [...value].map(([name, member]) => `${JSON.stringify(name)}:${jsonText(member)}`);
  return `{${members.join(',')}}`;
}

/** The text in an order that depends on nothing but the content. */
export function canonicalJson(value: Json): string {
  if (Array.isArray(value)) return `[${value.map(canonicalJson).join(',')}]`;
  if (!(value instanceof Map)) return JSON.stringify(value);
  const members = [...value].sort(([a], [b]) => (a < b ? -1 : 1));
  return `{${members.map(([n, v]) => `${JSON.stringify(n)}:${canonicalJson(v)}`).join(',')}}`;
}

export function copyJson(value: Json): Json {
  if (Array.isArray(value)) return value.map(copyJson);
  if (!(value instanceof Map)) return value;
  return new Map([...value].map(([name, member]) => [name, copyJson(member)]));
}

/** A place in a document; the root has no holder. */
export interface Place {
  readonly holder: Json[] | Map<string, Json> | undefined;
  readonly step: string | number;
}

type Step = string | number | '*';

/** `$` and the older form; names, indexes and wildcards. */
export function stepsOf(path: string): Step[] | undefined {
  const rest = path.startsWith('$') ? path.slice(1) : path === '.' ? '' : path;
  const text = rest === '' || /^[.[]/.test(rest) ? rest : `.${rest}`;
  const steps: Step[] = [];
  const token = /\.([A-Za-z_]\w*|\*)|\[(-?\d+|\*)\]|\["([^"]*)"\]|\['([^']*)'\]/y;
  while (token.lastIndex < text.length) {
    const match = token.exec(text);
    if (match === null) return undefined;
    const [, name, index, double, single] = match;
    if (index !== undefined && index !== '*') steps.push(Number(index));
    else steps.push(name ?? index ?? double ?? single ?? '');
  }
  return steps;
}

/** The places that a path names and that hold something; with `orNew` also members that are not there. */
export function placesOf(document: JsonValue, steps: readonly Step[], orNew = false): Place[] {
  let places: Place[] = [{ holder: undefined, step: '' }];
  steps.forEach((step, depth) => {
    const isLast = depth === steps.length - 1;
    places = places.flatMap((place) => {
      const value = valueAt(document, place);
      return value === undefined ? [] : placesIn(value, step, orNew && isLast);
    });
  });
  return places;
}

function placesIn(value: Json, step: Step, orNew: boolean): Place[] {
  if (Array.isArray(value)) {
    if (step === '*') return value.map((_, at) => ({ holder: value, step: at }));
    if (typeof step !== 'number') return [];
    const at = step < 0 ? value.length + step : step;
    return at >= 0 && at < value.length ? [{ holder: value, step: at }] : [];
  }
  if (!(value instanceof Map) || typeof step === 'number') return [];
  if (step === '*') return [...value.keys()].map((name) => ({ holder: value, step: name }));
  return value.has(step) || orNew ? [{ holder: value, step }] : [];
}

export function valueAt(document: JsonValue, { holder, step }: Place): Json | undefined {
  if (holder === undefined) return document.root;
  return Array.isArray(holder) ? holder[step as number] : holder.get(step as string);
}

export function assignAt(document: JsonValue, { holder, step }: Place, value: Json): void {
  if (holder === undefined) document.root = value;
  else if (Array.isArray(holder)) holder[step as number] = value;
  else holder.set(step as string, value);
}

export function removeAt({ holder, step }: Place): void {
  if (Array.isArray(holder)) holder.splice(step as number, 1);
  else holder?.delete(step as string);
}

/** RFC 7396. */
export function merged(target: Json | undefined, patch: Json): Json {
  if (!(patch instanceof Map)) return patch;
  const result = new Map(target instanceof Map ? target : []);
  for (const [name, member] of patch) {
    if (member === null) result.delete(name);
    else result.set(name, merged(result.get(name), member));
  }
  return result;
}
