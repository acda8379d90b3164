import assert from 'node:assert/strict';
import { test } from 'node:test';
import { slotOf, temporaryKeyBeside } from './temporary-key.ts';

/** The slot of a key as the engine's documentation has it. */
function slotOfKey(key: string): number {
  const tag = /^[^{]*\{([^}]+)\}/s.exec(key)?.[1];
  return slotOf(tag ?? key);
}

test('slots are those of a cluster', () => {
  assert.equal(slotOf('123456789'), 0x31c3);
  assert.equal(slotOf('foo'), 12182);
});

test('the temporary key is in the slot of the key that it serves', () => {
  for (const key of ['k', '', '{user:1}:seen', 'a{b}c', '{}x', 'a}b', '}', '{', '{a', '\xff\x00']) {
    assert.equal(slotOfKey(temporaryKeyBeside(key)), slotOfKey(key), JSON.stringify(key));
  }
});
