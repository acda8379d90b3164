// The names by which the registry calls the ways in which concurrent writes merge, and the section of
// docs/semantics.md that says each in full.

export interface MergeRule {
  readonly words: string;
  /** The heading of the section, or of a part of one. */
  readonly section: string;
}

export const MERGE_RULES = {
  removal: { words: 'removal', section: 'Removal' },
  expiry: { words: 'expiry', section: 'Expiry' },
  wholeValue: { words: 'whole value', section: 'Whole values' },
  opaque: { words: 'opaque', section: 'Opaque writes' },
  string: { words: 'string', section: 'Strings and counters' },
  increment: { words: 'increment', section: 'Strings and counters' },
  bit: { words: 'bit by bit', section: 'Bitmaps' },
  field: { words: 'field by field', section: 'Hashes' },
  fieldIncrement: { words: 'increment', section: 'Hashes' },
  fieldRemoval: { words: 'removal of fields', section: 'Hashes' },
  fieldExpiry: { words: 'expiry of fields', section: 'Expiries of fields' },
  member: { words: 'member by member', section: 'Sets' },
  memberRemoval: { words: 'removal of members', section: 'Sets' },
  score: { words: 'member by member', section: 'Sorted sets and geo' },
  scoreIncrement: { words: 'increment', section: 'Sorted sets and geo' },
  scoreRemoval: { words: 'removal of members', section: 'Sorted sets and geo' },
  element: { words: 'element by element', section: 'Lists' },
  elementRemoval: { words: 'removal of elements', section: 'Lists' },
  union: { words: 'union', section: 'HyperLogLog' },
  entry: { words: 'entry by entry', section: 'Streams' },
  entryRemoval: { words: 'removal of entries', section: 'Streams' },
  group: { words: 'consumer group', section: 'Streams' },
  library: { words: 'newest, by library', section: 'Transactions and scripts' },
  effects: { words: 'each by its own rule', section: 'Transactions and scripts' },
  message: { words: 'delivered everywhere', section: 'Messages' },
  path: { words: 'by path', section: 'JSON' },
  index: { words: 'newest, by name', section: 'Search' },
  terms: { words: 'term by term', section: 'Search' },
} as const satisfies Record<string, MergeRule>;

export type MergeRuleName = keyof typeof MERGE_RULES;
