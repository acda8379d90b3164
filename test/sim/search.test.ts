// Search indexes, aliases, dictionaries and the documents of an index: the order in which concurrent ops arrive
// must not matter. A small model of the search module stands in for the engine.

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import type { VersionVector } from '../../src/model/version-vector.ts';
import { LiveIndex } from '../../src/replicator/live/live-index.ts';
import type { LiveOp } from '../../src/replicator/live/live-op.ts';
import {
  commandsIn,
  received,
  type TestOrigin,
  testOrigins,
} from '../../src/replicator/live/ops.fixture.ts';
import { resolve, writeVerbatim } from '../../src/replicator/resolve/resolve.ts';
import { SEARCH_SCRIPT } from '../../src/replicator/resolve/search-script.ts';
import { writeSettled } from '../../src/replicator/resolve/settled.ts';
import { CommandWriter } from '../../src/resp/command-writer.ts';
import {
  type HistoryMember,
  historyOf,
  historySteps,
  MEMBERS,
  orderChoices,
  reordered,
  WRITERS,
} from './histories.ts';

const NOW_MS = 1_700_000_000_000;

/** A search module, as far as the replicator has to do with it: what is there already is refused. */
class ModelModule {
  readonly #indexes = new Map<string, { create: string; additions: Set<string> }>();
  readonly #aliases = new Map<string, string>();
  readonly #terms = new Map<string, Set<string>>();
  /** Whether a document is in an index; documents outlive their index. */
  readonly #documents = new Map<string, string>();

  run(args: readonly string[]): void {
    const [name, first = '', second = ''] = args;
    const definition = args.join(' ');
    const index = this.#indexes.get(first);
    if (name === 'FT.CREATE' && index === undefined) {
      this.#indexes.set(first, { create: definition, additions: new Set() });
    } else if (name === 'FT.ALTER' || name === 'FT.SYNUPDATE') {
      index?.additions.add(definition);
    } else if (name === 'FT.DROPINDEX') {
      this.#indexes.delete(first);
    } else if (name === 'FT.ALIASUPDATE') {
      this.#aliases.set(first, second);
    } else if (name === 'FT.ALIASDEL') {
      this.#aliases.delete(first);
    } else if (name === 'FT.DICTADD') {
      const terms = this.#terms.get(first) ?? new Set();
      this.#terms.set(first, terms);
      for (const term of args.slice(2)) terms.add(term);
    } else if (name === 'FT.DICTDEL') {
      for (const term of args.slice(2)) this.#terms.get(first)?.delete(term);
    } else if (name === 'FT.SAFEADDHASH') {
      if (!this.#documents.has(second) || args.includes('REPLACE')) {
        this.#documents.set(second, args[3] as string);
      }
    } else if (name === 'FT.DEL') {
      this.#documents.delete(second);
    }
  }

  get content(): string {
    const sorted = (values: Iterable<string>) => [...values].sort();
    return JSON.stringify([
      sorted([...this.#indexes.values()].map((i) => `${i.create} ${sorted(i.additions)}`)),
      sorted([...this.#aliases].map(String)),
      sorted([...this.#terms].map(([name, terms]) => `${name} ${sorted(terms)}`)),
      sorted([...this.#documents].map(String)),
    ]);
  }
}

class Member implements HistoryMember {
  readonly visible: VersionVector = new Float64Array(MEMBERS);
  readonly module = new ModelModule();
  readonly #index: LiveIndex;

  constructor(slot: number) {
    this.#index = new LiveIndex(slot, MEMBERS, () => {});
  }

  note(op: LiveOp): void {
    this.#index.integrate(received(op));
    this.visible[op.origin] = op.seq;
  }

  deliver(op: LiveOp): void {
    const out = new CommandWriter();
    const entry = this.#index.get(op.key);
    if (entry === undefined || entry.isObservedBy(op)) writeVerbatim(op, out, NOW_MS);
    else resolve(received(op), entry.fork(), out, NOW_MS);
    this.#run(out);
    this.note(op);
  }

  settle(key: string): void {
    const out = new CommandWriter();
    const entry = this.#index.get(key);
    if (entry !== undefined) writeSettled(entry, 'value and expiry', out, NOW_MS);
    this.#run(out);
  }

  /** What a client's own command does here. */
  write(op: LiveOp): void {
    const out = new CommandWriter();
    writeVerbatim(op, out, NOW_MS);
    this.#run(out);
  }

  #run(out: CommandWriter): void {
    for (const [name, script, keys, ...argv] of commandsIn(out.take())) {
      assert.deepEqual([name, script, keys], ['EVAL', SEARCH_SCRIPT, '0']);
      for (let i = 0; i < argv.length; ) {
        const count = Number((argv[i] as string).replace('?', ''));
        this.module.run(argv.slice(i + 1, i + 1 + count));
        i += count + 1;
      }
    }
  }
}

const name = fc.constantFrom('a', 'b');
const write = fc.oneof(
  fc.tuple(name, name).map(([i, f]) => `FT.CREATE ${i} SCHEMA ${f} TEXT`),
  fc.tuple(name, name).map(([i, f]) => `FT.ALTER ${i} SCHEMA ADD x${f} TEXT`),
  fc.tuple(name, name).map(([i, t]) => `FT.SYNUPDATE ${i} g ${t}`),
  name.map((i) => `FT.DROPINDEX ${i}`),
  fc.tuple(name, name).map(([a, i]) => `FT.ALIASUPDATE ${a} ${i}`),
  name.map((a) => `FT.ALIASDEL ${a}`),
  fc.tuple(name, name, name).map(([d, s, t]) => `FT.DICTADD ${d} ${s} ${t}`),
  fc.tuple(name, name).map(([d, t]) => `FT.DICTDEL ${d} ${t}`),
  fc.tuple(name, fc.nat({ max: 3 })).map(([d, s]) => `FTDOCUMENT 1:i${d} ADD i ${d} ${s} REPLACE`),
  name.map((d) => `FTDOCUMENT 1:i${d} DEL i ${d}`),
);

/** A client is refused an index that is there already, or one that is not; then nothing reaches the stream. */
function writeAt(member: Member, origin: TestOrigin, text: string, atMs: number): LiveOp[] {
  const before = member.module.content;
  if (/^FT\.(CREATE|ALTER|SYNUPDATE|DROPINDEX)/.test(text)) {
    const probe = testOrigins(MEMBERS)[origin.slot] as TestOrigin;
    member.write(probe.write(text));
    if (member.module.content === before) return [];
    return [origin.write(text, { at: atMs })];
  }
  const op = origin.write(text, { at: atMs });
  member.write(op);
  return [op];
}

test('any order that respects causality gives the same', () => {
  fc.assert(
    fc.property(historySteps(write), orderChoices, orderChoices, (steps, first, second) => {
      const writers = Array.from({ length: WRITERS }, (_, slot) => new Member(slot));
      const ops = historyOf(steps, writers, writeAt);
      const contents = [ops, reordered(ops, first), reordered(ops, second)].map((order, i) => {
        const observer = new Member(WRITERS + i);
        for (const op of order) observer.deliver(op);
        return observer.module.content;
      });
      assert.equal(contents[1], contents[0]);
      assert.equal(contents[2], contents[0]);
    }),
    { numRuns: 300 },
  );
});

describe('two regions at once', () => {
  const both = (...texts: string[]): [Member, LiveOp[]] => {
    const [a, b] = testOrigins() as [TestOrigin, TestOrigin, TestOrigin];
    const ops = texts.map((text, i) => (i % 2 === 0 ? a : b).write(text, { at: i }));
    const member = new Member(2);
    for (const op of ops) member.deliver(op);
    return [member, ops];
  };

  test('the newest definition of an index wins', () => {
    const [member] = both('FT.CREATE i SCHEMA a TEXT', 'FT.CREATE i SCHEMA b TEXT');
    assert.match(member.module.content, /FT\.CREATE i SCHEMA b TEXT/);
  });

  test('what was added to an index meanwhile is added to its new definition', () => {
    const [member] = both(
      'FT.CREATE i SCHEMA a TEXT',
      'FT.CREATE i SCHEMA b TEXT',
      'FT.ALTER i SCHEMA ADD c TAG',
    );
    assert.match(member.module.content, /SCHEMA b TEXT FT\.ALTER i SCHEMA ADD c TAG/);
  });

  test('an index that was dropped and one that was defined anew: it is there', () => {
    const [member] = both('FT.DROPINDEX i', 'FT.CREATE i SCHEMA b TEXT');
    assert.match(member.module.content, /SCHEMA b TEXT/);
  });

  test('terms of a dictionary are added and removed one by one', () => {
    const [member] = both('FT.DICTDEL d x y', 'FT.DICTADD d y z');
    assert.match(member.module.content, /"d y,z"/);
  });

  test('settling writes again what was decided', () => {
    const texts = ['FT.CREATE i SCHEMA a TEXT', 'FT.CREATE i SCHEMA b TEXT', 'FT.ALIASUPDATE a i'];
    const [member, ops] = both(...texts, 'FT.ALIASUPDATE a j', 'FT.DICTADD d x', 'FT.DICTADD d y');
    const before = member.module.content;
    for (const args of [
      ['FT.DROPINDEX', 'i'],
      ['FT.CREATE', 'i', 'SCHEMA', 'other', 'TEXT'],
    ]) {
      member.module.run(args);
    }
    member.module.run(['FT.ALIASUPDATE', 'a', 'elsewhere']);
    member.module.run(['FT.DICTDEL', 'd', 'x']);
    for (const op of ops) member.settle(op.key);
    assert.equal(member.module.content, before);
  });
});
