// ZUNIONSTORE, ZINTERSTORE and ZDIFFSTORE. Sets take part with score 1.

import { at, type CommandTable } from './command-table.ts';
import type { Keyspace } from './keyspace.ts';
import { indexArgument, parseDouble } from './numbers.ts';
import { type ModelReply, Refusal, SYNTAX_ERROR, WRONG_TYPE } from './reply.ts';
import type { ScoredMember } from './sorted-set.ts';
import { storeSortedSet } from './sorted-set-ranges.ts';

interface Source {
  readonly items: readonly ScoredMember[];
  readonly weight: number;
}

type Aggregate = (a: number, b: number) => number;

const AGGREGATES: Readonly<Record<string, Aggregate>> = {
  // Infinities of both signs: the engine says 0.
  SUM: (a, b) => (Number.isNaN(a + b) ? 0 : a + b),
  MIN: (a, b) => Math.min(a, b),
  MAX: (a, b) => Math.max(a, b),
};

interface Plan {
  readonly sources: readonly Source[];
  readonly aggregate: Aggregate;
}

function plan(space: Keyspace, args: readonly string[], weighted: boolean): Plan {
  const keyCount = indexArgument(at(args, 2));
  if (keyCount < 1) {
    const command = at(args, 0).toLowerCase();
    throw new Refusal(`ERR at least 1 input key is needed for '${command}' command`);
  }
  if (keyCount > args.length - 3) throw SYNTAX_ERROR;
  const found = args.slice(3, 3 + keyCount).map((key) => itemsOf(space, key));
  const weights = new Array<number>(keyCount).fill(1);
  let aggregate = AGGREGATES.SUM as Aggregate;
  for (let i = 3 + keyCount; i < args.length; i++) {
    const word = at(args, i).toUpperCase();
    if (weighted && word === 'WEIGHTS' && i + keyCount < args.length) {
      for (let j = 0; j < keyCount; j++) weights[j] = weightArgument(at(args, ++i));
    } else if (weighted && word === 'AGGREGATE' && i + 1 < args.length) {
      const named = AGGREGATES[at(args, ++i).toUpperCase()];
      if (named === undefined) throw SYNTAX_ERROR;
      aggregate = named;
    } else {
      throw SYNTAX_ERROR;
    }
  }
  const sources = found.map((items, i) => ({ items, weight: weights[i] as number }));
  return { sources, aggregate };
}

function weightArgument(text: string): number {
  const weight = parseDouble(text);
  if (weight === undefined) throw new Refusal('ERR weight value is not a float');
  return weight;
}

function itemsOf(space: Keyspace, key: string): readonly ScoredMember[] {
  const value = space.find(key);
  if (value === undefined) return [];
  if (value.type === 'zset') return value.zset.ordered();
  if (value.type === 'set') return Array.from(value.members, (member) => ({ member, score: 1 }));
  throw WRONG_TYPE;
}

function weighted(score: number, weight: number): number {
  const product = score * weight;
  return Number.isNaN(product) ? 0 : product;
}

/** Smallest source first, as the engine adds: sums of doubles depend on the order. */
function smallestFirst(sources: readonly Source[]): Source[] {
  return [...sources].sort((a, b) => a.items.length - b.items.length);
}

function scoresOf({ sources, aggregate }: Plan): Map<string, { score: number; sources: number }> {
  const scores = new Map<string, { score: number; sources: number }>();
  for (const source of smallestFirst(sources)) {
    for (const item of source.items) {
      const score = weighted(item.score, source.weight);
      const former = scores.get(item.member);
      if (former === undefined) {
        scores.set(item.member, { score, sources: 1 });
      } else {
        former.score = aggregate(former.score, score);
        former.sources++;
      }
    }
  }
  return scores;
}

function combine(space: Keyspace, args: readonly string[], everywhere: boolean): ModelReply {
  const combined = plan(space, args, true);
  const items: ScoredMember[] = [];
  for (const [member, { score, sources }] of scoresOf(combined)) {
    if (!everywhere || sources === combined.sources.length) items.push({ member, score });
  }
  return storeSortedSet(space, at(args, 1), items);
}

function subtract(space: Keyspace, args: readonly string[]): ModelReply {
  const [first, ...rest] = plan(space, args, false).sources;
  const taken = new Set(rest.flatMap((source) => source.items.map((item) => item.member)));
  const items = (first?.items ?? []).filter((item) => !taken.has(item.member));
  return storeSortedSet(space, at(args, 1), items);
}

export const SORTED_SET_STORE_COMMANDS: CommandTable = {
  ZUNIONSTORE: [-4, (space, args) => combine(space, args, false)],
  ZINTERSTORE: [-4, (space, args) => combine(space, args, true)],
  ZDIFFSTORE: [-4, subtract],
};
