// What is read of one key, from engines that need not run: they answer what is given.

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { Redis } from 'ioredis';
import { canonicalJson } from './json-content.ts';
import { differencesOf } from './key-comparison.ts';
import { readEngineKey } from './key-reading.ts';

/** An engine with one key, of which each command answers what is given for it. */
function engineWith(replies: Readonly<Record<string, unknown>>): Redis {
  const answer = (name: string): unknown => {
    const reply = replies[name] ?? 1;
    return typeof reply === 'string' ? Buffer.from(reply, 'latin1') : reply;
  };
  const asked: string[] = [];
  const transaction = {
    callBuffer: (name: string) => {
      asked.push(name);
      return transaction;
    },
    exec: async () => asked.splice(0).map((name) => [null, answer(name)]),
  };
  const engine = {
    callBuffer: async (name: string) => answer(name),
    multi: () => transaction,
  };
  return engine as unknown as Redis;
}

function documentOf(text: string, dump: string): Redis {
  const facts = { TYPE: 'ReJSON-RL', PEXPIRETIME: -1, TIME: [1, 0], OBJECT: 'raw', MEMORY: 64 };
  return engineWith({ ...facts, 'JSON.GET': text, DUMP: dump });
}

describe('a JSON document', () => {
  test('is the same whatever the order of its members', async () => {
    const here = await readEngineKey(documentOf('{"a":1,"b":{"x":[1,2],"y":2}}', 'one'), 'k');
    const there = await readEngineKey(documentOf('{"b":{"y":2,"x":[1,2]},"a":1}', 'two'), 'k');
    const other = await readEngineKey(documentOf('{"b":{"y":2,"x":[2,1]},"a":1}', 'one'), 'k');
    assert.deepEqual(differencesOf(here, there), []);
    assert.deepEqual(differencesOf(here, other), ['value']);
    assert.deepEqual([here.first, here.length], [[['{"a":1,"b":{"x":[1,2],"y":2}}']], null]);
  });

  test('keeps its digits, and what looks like a mark in a text', () => {
    const text = '{ "b" : 9007199254740993, "a" : [ "x,}]\\"{", [ ], { } , null ] }';
    const canonical = '{"a":["x,}]\\"{",[],{},null],"b":9007199254740993}';
    assert.equal(canonicalJson(text), canonical);
    assert.equal(canonicalJson(canonical), canonical);
    for (const scalar of ['5', '"t"', 'true', '-0.5e3'])
      assert.equal(canonicalJson(scalar), scalar);
  });
});
