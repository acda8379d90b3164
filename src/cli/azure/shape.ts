// Resources as published command lines show them: what stands in `properties` comes to the top, and whatever has
// the id of a resource says in which resource group that is.

import { isObject, type Json, type JsonObject } from './json.ts';

export function shaped(value: Json): Json {
  if (Array.isArray(value)) return value.map(shaped);
  if (!isObject(value)) return value;
  const entries = Object.entries(flattened(value)).map(
    ([name, one]) => [name, shaped(one)] as const,
  );
  const own: JsonObject = Object.fromEntries(entries);
  const group = groupIn(own.id);
  return group === null || 'resourceGroup' in own ? own : { ...own, resourceGroup: group };
}

/** A name at the top stays what it is, and so does a resource group: that is how it has always been shown. */
function flattened(value: JsonObject): JsonObject {
  if (!isObject(value.properties) || groupIn(value.id) === null) return value;
  const { properties, ...rest } = value;
  return { ...properties, ...rest };
}

/** null for what is in no resource group, and for a resource group itself. */
function groupIn(id: Json | undefined): string | null {
  if (typeof id !== 'string') return null;
  const [, group] = /^\/subscriptions\/[^/]+\/resourceGroups\/([^/]+)\/./i.exec(id) ?? [];
  return group ?? null;
}
