import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { fromPrintable, latin1Of, printable, printableStart } from './printable.ts';

const bytes = fc
  .uint8Array({ maxLength: 40 })
  .map((array) => Buffer.from(array).toString('latin1'));
const text = fc.string({ unit: 'binary', maxLength: 20 }).map(latin1Of);

test('text is shown as it is, other bytes as escapes', () => {
  assert.equal(printable('user:1'), 'user:1');
  assert.equal(printable(latin1Of('Grüße 東京')), 'Grüße 東京');
  assert.equal(printable('\x00\xff\n\\'), '\\x00\\xff\\n\\\\');
  // Cut in the middle of a character, and overlong.
  assert.equal(printable(latin1Of('é').slice(0, 1)), '\\xc3');
  assert.equal(printable('\xc0\x80'), '\\xc0\\x80');
});

test('nothing that a terminal would act upon comes through', () => {
  const nasty = '\x1b[2J\x07\u202etext\u200b\u0085';
  const shown = printable(latin1Of(nasty));
  assert.match(shown, /^[ -~]*$/);
  assert.equal(fromPrintable(shown), latin1Of(nasty));
});

test('what is shown stands for exactly these bytes', () => {
  fc.assert(
    fc.property(fc.oneof(bytes, text), (latin1) => {
      const shown = printable(latin1);
      assert.ok(!/\p{C}/u.test(shown), JSON.stringify(shown));
      assert.equal(fromPrintable(shown), latin1);
    }),
  );
});

test('an escape that is none is refused', () => {
  for (const wrong of ['\\', '\\x', '\\x1', '\\q', 'a\\xzz']) {
    assert.equal(fromPrintable(wrong), null, wrong);
  }
});

test('a long text is cut and says so', () => {
  assert.equal(printableStart('abc', 3), 'abc');
  assert.equal(printableStart('abcd', 3), 'abc... (4 bytes)');
});
