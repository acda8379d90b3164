import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { type TestOrigin, testOrigins } from '../ops.fixture.ts';
import { Places } from './places.ts';
import { type EntryContribution, StreamEntry } from './stream-entry.ts';
import { formatStreamId, MAX_STREAM_ID, parseStreamId } from './stream-id.ts';

interface Wanted {
  readonly origin: number;
  readonly seq: number;
  readonly id: string;
}

function entryOf({ origin, seq, id }: Wanted): StreamEntry {
  return StreamEntry.of({ origin, seq }, parseStreamId(id));
}

function placesOf(wanted: readonly Wanted[]): Places {
  const places = new Places();
  for (const one of wanted) places.add(entryOf(one));
  return places;
}

/** Who stands where, in order. */
function shown(places: Places): string[] {
  return [...places.entries()]
    .sort((a, b) => (a.place < b.place ? -1 : 1))
    .map(({ place, contributions }) => {
      const { origin, seq } = (contributions[0] as EntryContribution).source;
      return `${formatStreamId(place)} ${origin}/${seq}`;
    });
}

describe('places of entries', () => {
  test('of equal IDs the smaller replica keeps it, the others go on to the next free ones', () => {
    const wanted = [
      { origin: 2, seq: 1, id: '5-1' },
      { origin: 0, seq: 1, id: '5-1' },
      { origin: 1, seq: 1, id: '5-1' },
      { origin: 0, seq: 2, id: '5-3' },
    ];
    assert.deepEqual(shown(placesOf(wanted)), ['5-1 0/1', '5-2 1/1', '5-3 0/2', '5-4 2/1']);
  });

  test('the last sequence of a millisecond is followed by the first of the next', () => {
    const id = '7-18446744073709551615';
    const wanted = [0, 1].map((origin) => ({ origin, seq: 1, id }));
    assert.deepEqual(shown(placesOf(wanted)), [`${id} 0/1`, '8-0 1/1']);
  });

  test('behind the greatest ID there is no place', () => {
    const id = formatStreamId(MAX_STREAM_ID);
    const wanted = [1, 0].map((origin) => ({ origin, seq: 1, id }));
    assert.deepEqual(shown(placesOf(wanted)), [`${id} 0/1`]);
  });

  test('are what each gets who chooses in the order of replicas, whoever came first', () => {
    const wanted = fc.uniqueArray(
      fc.record({
        origin: fc.nat({ max: 3 }),
        seq: fc.integer({ min: 1, max: 12 }),
        id: fc.tuple(fc.integer({ min: 1, max: 2 }), fc.nat({ max: 9 })).map((at) => at.join('-')),
      }),
      { maxLength: 40, selector: ({ origin, seq }) => `${origin}/${seq}` },
    );
    const looks = fc.array(fc.boolean(), { minLength: 1 });
    fc.assert(
      fc.property(wanted, wanted, looks, (entries, more, looksAfter) => {
        const places = new Places();
        entries.forEach((one, i) => {
          places.add(entryOf(one));
          // Being asked in between changes nothing.
          if (looksAfter[i % looksAfter.length] === true) places.get(0n);
        });
        assert.deepEqual(shown(places), chosen(entries));
        assert.equal(places.size, entries.length);
        const known = new Set(entries.map(({ origin, seq }) => `${origin}/${seq}`));
        const others = more.filter(({ origin, seq }) => !known.has(`${origin}/${seq}`));
        const fork = places.fork();
        for (const one of others) fork.add(entryOf(one));
        assert.deepEqual(shown(fork), chosen([...entries, ...others]));
        assert.deepEqual(shown(places), chosen(entries));
      }),
      { numRuns: 500 },
    );
  });

  test('a fork tells where something changed, and what stood there', () => {
    const fork = placesOf([{ origin: 1, seq: 1, id: '5-1' }]).fork();
    fork.add(entryOf({ origin: 0, seq: 1, id: '5-1' }));
    assert.deepEqual(fork.changed.map(formatStreamId).sort(), ['5-1', '5-2']);
    assert.ok(fork.before(parseStreamId('5-1'))?.isOf({ origin: 1, seq: 1 }));
    assert.equal(fork.before(parseStreamId('5-2')), undefined);
  });

  test('tell where those go that stood elsewhere, while that is recorded', () => {
    const places = placesOf([
      { origin: 1, seq: 1, id: '5-0' },
      { origin: 2, seq: 1, id: '5-0' },
    ]);
    const moves = new Set<bigint>();
    places.recordMoves(moves);
    places.add(entryOf({ origin: 0, seq: 1, id: '7-0' }));
    places.get(0n);
    assert.deepEqual([...moves], []);
    places.add(entryOf({ origin: 0, seq: 2, id: '5-0' }));
    places.get(0n);
    assert.deepEqual([...moves].map(formatStreamId).sort(), ['5-1', '5-2']);
    moves.clear();
    const [, second] = [...places.entries()].sort((a, b) => (a.place < b.place ? -1 : 1));
    places.refill([...places.entries()].filter((entry) => entry !== second));
    assert.deepEqual([...moves].map(formatStreamId), ['5-1']);
    places.recordMoves(undefined);
    places.add(entryOf({ origin: 0, seq: 3, id: '5-0' }));
    places.get(0n);
    assert.equal(moves.size, 1);
  });

  test('an entry that two members shipped with the whole value is one', () => {
    const [a, b] = testOrigins() as [TestOrigin, TestOrigin];
    const entry = (origin: TestOrigin, value: string, ofWhole = true) =>
      StreamEntry.of(origin.write(`XADD k 5-1 f ${value}`, { ofWhole }), parseStreamId('5-1'));
    const same = new Places();
    for (const one of [entry(b, 'v'), entry(a, 'v')]) same.add(one);
    assert.deepEqual(
      [...same.entries()].map(({ contributions }) => contributions.length),
      [2],
    );
    for (const other of [entry(b, 'w'), entry(b, 'v', false)]) {
      const apart = new Places();
      for (const one of [entry(a, 'v'), other]) apart.add(one);
      assert.equal(apart.size, 2);
    }
  });
});

/** One after the other takes the first place that is free, from the one it wants on. */
function chosen(wanted: readonly Wanted[]): string[] {
  const taken = new Map<bigint, string>();
  const order = [...wanted].sort((a, b) => a.origin - b.origin || a.seq - b.seq);
  for (const { origin, seq, id } of order) {
    let place = parseStreamId(id);
    while (taken.has(place)) place++;
    taken.set(place, `${origin}/${seq}`);
  }
  return [...taken]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([place, name]) => `${formatStreamId(place)} ${name}`);
}
