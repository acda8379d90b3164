// What every region must show at the end of a chaos run: the same, and of everything that was answered and not lost
// with its engine exactly one.

import { type Content, differences } from '../e2e/support/content.ts';
import type { Changed, Container, History } from './history.ts';

const SHOWN = 5;

/** What is wrong, in words; nothing when all is as it must be. */
export function check(
  history: History,
  contents: readonly Content[],
  regions: readonly string[],
): string[] {
  const different = differences(contents, regions);
  if (different.length > 0) return shortened(different);
  const [content] = contents;
  if (content === undefined) return ['no region has any content'];
  return [
    ...checkCounters(history, content),
    ...checkVersions(history, content),
    ...checkElements(history, content),
    ...[...content.keys()]
      .filter((key) => key.startsWith('soon:'))
      .map((key) => `${key} has expired and is there`),
  ];
}

function checkCounters(history: History, content: Content): string[] {
  const sums = new Map<string, { certain: number; possible: number }>();
  for (const write of history.counted) {
    const sum = sums.get(write.key) ?? { certain: 0, possible: 0 };
    if (!history.isGone(write)) sum.possible += write.by;
    if (history.isCertain(write)) sum.certain += write.by;
    sums.set(write.key, sum);
  }
  const fields = fieldsOf(content.get('counts')?.content ?? []);
  return [...sums].flatMap(([key, { certain, possible }]) => {
    const field = key.startsWith('counts ') ? fields.get(key.slice(7)) : undefined;
    const value = Number(field ?? content.get(key)?.content[0] ?? 0);
    if (value >= certain && value <= possible) return [];
    return [`${key} is ${value}; it must be ${certain} to ${possible}`];
  });
}

function checkVersions(history: History, content: Content): string[] {
  const bounds = new Map<string, { gone: number; certain: number; last: number }>();
  for (const write of history.versions) {
    const bound = bounds.get(write.key) ?? { gone: 0, certain: 0, last: 0 };
    bound.last = Math.max(bound.last, write.version);
    if (history.isGone(write)) bound.gone = Math.max(bound.gone, write.version);
    if (history.isCertain(write)) bound.certain = Math.max(bound.certain, write.version);
    bounds.set(write.key, bound);
  }
  return [...bounds].flatMap(([key, { gone, certain, last }]) => {
    const version = Number(content.get(key)?.content[0] ?? 0);
    if (version > 0 && version <= gone) {
      return [`${key} has version ${version}, which was lost with all engines`];
    }
    if (version >= certain && version <= last) return [];
    return [`${key} has version ${version}; it must be ${certain} to ${last}`];
  });
}

function checkElements(history: History, content: Content): string[] {
  const present = elementsIn(content);
  const { certainly, perhaps, unknownPops } = removals(history);
  const problems: string[] = [...present.twice.map((name) => `${name} is there twice`)];
  const known = new Set<string>();
  const missing = new Map<string, string[]>();
  for (const write of history.added) {
    const name = nameOf(write);
    known.add(name);
    if (certainly.has(name)) {
      if (present.names.has(name)) problems.push(`${name} was removed and is back`);
      continue;
    }
    if (history.isGone(write)) {
      if (present.names.has(name)) problems.push(`${name} was lost with all engines, and is back`);
      continue;
    }
    if (present.names.has(name) || perhaps.has(name) || !history.isCertain(write)) continue;
    missing.set(write.key, [...(missing.get(write.key) ?? []), name]);
  }
  for (const [key, names] of missing) {
    const pops = unknownPops.get(key) ?? 0;
    if (names.length <= pops) continue;
    const more = names.length > SHOWN ? ', ...' : '';
    problems.push(
      `${key} lacks ${names.length} elements, at most ${pops} may lack: ${names.slice(0, SHOWN).join(', ')}${more}`,
    );
  }
  for (const name of present.names) {
    if (!known.has(name)) problems.push(`${name} is there, and nobody added it`);
  }
  return shortened(problems);
}

interface Removals {
  readonly certainly: ReadonlySet<string>;
  readonly perhaps: ReadonlySet<string>;
  /** Pops without an answer, by key. */
  readonly unknownPops: ReadonlyMap<string, number>;
}

function removals(history: History): Removals {
  const [certainly, perhaps] = [new Set<string>(), new Set<string>()];
  const unknownPops = new Map<string, number>();
  for (const write of history.removed) {
    if (write.element === null) {
      unknownPops.set(write.key, (unknownPops.get(write.key) ?? 0) + 1);
    } else if (history.isCertain(write)) certainly.add(nameOf(write));
    else perhaps.add(nameOf(write));
  }
  return { certainly, perhaps, unknownPops };
}

function elementsIn(content: Content): { names: Set<string>; twice: string[] } {
  const names = new Set<string>();
  const twice: string[] = [];
  const see = (container: Container, key: string, element: string): void => {
    const name = `${container} ${key} ${element}`;
    if (names.has(name)) twice.push(name);
    names.add(name);
  };
  for (const [key, { content: texts }] of content) {
    if (/^(set|list):/.test(key)) {
      for (const text of texts) see(key.startsWith('set') ? 'set' : 'list', key, text);
    } else if (key.startsWith('hash:')) {
      for (const field of fieldsOf(texts).keys()) see('hash', key, field);
    } else if (key.startsWith('stream:')) {
      // ID, name of the field, value.
      for (let i = 2; i < texts.length; i += 3) see('stream', key, texts[i] ?? '');
    } else if (key.startsWith('key:')) {
      see('key', key, key.slice(4));
    }
  }
  return { names, twice };
}

function fieldsOf(texts: readonly string[]): Map<string, string> {
  const fields = new Map<string, string>();
  for (let i = 0; i + 1 < texts.length; i += 2) fields.set(texts[i] ?? '', texts[i + 1] ?? '');
  return fields;
}

function nameOf({ container, key, element }: Changed): string {
  return `${container} ${key} ${element}`;
}

function shortened(problems: readonly string[]): string[] {
  const more = problems.length - 2 * SHOWN;
  return more <= 0 ? [...problems] : [...problems.slice(0, 2 * SHOWN), `and ${more} more`];
}
