// Memory is given back once nothing happens, and not again and again.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { IdleMemory } from './idle-memory.ts';

const MEGABYTE = 1024 * 1024;

function memoryOf(megabytes: number) {
  const state = { megabytes, collections: 0 };
  const memory = new IdleMemory({
    heldBytes: () => state.megabytes * MEGABYTE,
    collect: () => {
      state.collections += 1;
      state.megabytes = 100;
    },
  });
  return { state, memory };
}

test('it is collected once nothing was done for a while, and only what is worth it', () => {
  const { state, memory } = memoryOf(400);
  for (let work = 0; work < 10; work++) memory.look(work, 0);
  assert.equal(state.collections, 0, 'work goes on');
  memory.look(9, 0);
  assert.equal(state.collections, 1);
  memory.look(9, 0);
  state.megabytes = 120;
  for (let i = 0; i < 10; i++) memory.look(9, 0);
  assert.equal(state.collections, 1, 'a little more is not worth it');
  state.megabytes = 126;
  memory.look(9, 0);
  assert.equal(state.collections, 2);
});

test('it is collected when much is released, though no more is held than before', () => {
  const { state, memory } = memoryOf(100);
  for (const kept of [0, 0, 50, 60]) memory.look(1, kept * MEGABYTE);
  const before = state.collections;
  for (const kept of [50, 40, 30, 20]) memory.look(1, kept * MEGABYTE);
  assert.equal(state.collections, before + 2);
});

test('the runtime gives back what is garbage', async () => {
  const memory = new IdleMemory();
  let garbage: Buffer[] | undefined = Array.from({ length: 64 }, () =>
    Buffer.alloc(MEGABYTE, 'not zero'),
  );
  const before = process.memoryUsage().external;
  assert.ok(garbage.length > 0);
  garbage = undefined;
  for (let i = 0; i < 2; i++) memory.look(0, 0);
  // It does so beside us.
  for (let i = 0; i < 1000 && process.memoryUsage().external > before - 60 * MEGABYTE; i++) {
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
  assert.ok(process.memoryUsage().external < before - 60 * MEGABYTE);
});
