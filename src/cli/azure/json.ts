// JSON as it comes from a control plane and goes out to people: any shape, looked into with care.

export type Json = null | string | number | boolean | Json[] | JsonObject;
export interface JsonObject {
  [name: string]: Json;
}

export function isObject(value: Json | undefined): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** What stands somewhere in a value; undefined when there is no such place. */
export function at(
  value: Json | undefined,
  ...path: readonly (string | number)[]
): Json | undefined {
  let here = value;
  for (const name of path) {
    if (Array.isArray(here)) here = here[Number(name)];
    else if (isObject(here)) here = here[String(name)];
    else return undefined;
  }
  return here;
}

/** A text that stands somewhere; empty when there is none. */
export function textAt(value: Json | undefined, ...path: readonly (string | number)[]): string {
  const found = at(value, ...path);
  return typeof found === 'string' ? found : '';
}

/** A list that stands somewhere; empty when there is none. */
export function listAt(value: Json | undefined, ...path: readonly (string | number)[]): Json[] {
  const found = at(value, ...path);
  return Array.isArray(found) ? found : [];
}
