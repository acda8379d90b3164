import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import {
  addDecimals,
  INT64_MAX,
  INT64_MIN,
  isDecimal,
  isInteger,
  roundDecimal,
  subtractDecimals,
} from './decimal.ts';

/** A number as a whole number of 10^-scale, with one of its texts. */
const number = fc
  .record({
    units: fc.bigInt({ min: -(10n ** 30n), max: 10n ** 30n }),
    scale: fc.integer({ min: 0, max: 20 }),
    exponent: fc.integer({ min: -12, max: 12 }),
    plus: fc.boolean(),
  })
  .map(({ units, scale, exponent, plus }) => {
    const negative = units < 0n;
    const digits = (negative ? -units : units).toString().padStart(scale + 1, '0');
    const whole = digits.slice(0, digits.length - scale);
    const point = scale === 0 ? '' : `.${digits.slice(digits.length - scale)}`;
    const tail = exponent === 0 ? '' : `e${exponent}`;
    const sign = negative ? '-' : plus ? '+' : '';
    return { text: `${sign}${whole}${point}${tail}`, units, scale: scale - exponent };
  });

/** `text` times 10^40 as a whole number, by another way than the code under test. */
function scaled(text: string): bigint {
  const [whole = '', fraction = ''] = text.replace('-', '').split('.');
  const value = BigInt(whole + fraction.padEnd(40, '0'));
  return text.startsWith('-') ? -value : value;
}

test('adds as people do, not as doubles do', () => {
  assert.equal(addDecimals('0.1', '0.2'), '0.3');
  assert.equal(addDecimals('5.0', '1'), '6');
  assert.equal(addDecimals('-0.5', '0.5'), '0');
  assert.equal(addDecimals('5.0e3', '200'), '5200');
  assert.equal(addDecimals('.5', '1.'), '1.5');
  assert.equal(subtractDecimals('3', '3.25'), '-0.25');
});

test('what is no finite decimal number is refused', () => {
  for (const text of [
    '',
    '.',
    'abc',
    '1,5',
    '0x10',
    'inf',
    'nan',
    ' 1',
    '1 ',
    '1e',
    '--1',
    '1\n',
  ]) {
    assert.equal(addDecimals(text, '1'), undefined, JSON.stringify(text));
    assert.equal(subtractDecimals('1', text), undefined, JSON.stringify(text));
    assert.equal(isDecimal(text), false, JSON.stringify(text));
  }
});

test('sums and differences are exact', () => {
  fc.assert(
    fc.property(number, number, (a, b) => {
      const left = a.units * 10n ** BigInt(40 - a.scale);
      const right = b.units * 10n ** BigInt(40 - b.scale);
      assert.equal(scaled(addDecimals(a.text, b.text) as string), left + right);
      assert.equal(scaled(subtractDecimals(a.text, b.text) as string), left - right);
    }),
  );
});

test('the order of additions does not matter, down to the text', () => {
  fc.assert(
    fc.property(fc.array(number, { minLength: 1, maxLength: 6 }), (numbers) => {
      const sum = (texts: string[]) => texts.reduce((a, b) => addDecimals(a, b) as string, '0');
      const texts = numbers.map((n) => n.text);
      assert.equal(sum(texts), sum([...texts].reverse()));
      assert.equal(sum(texts), sum([...texts].sort()));
    }),
  );
});

test('integers are what INCRBY takes: canonical and within 64 bits', () => {
  for (const text of ['0', '-1', '9', `${INT64_MAX}`, `${INT64_MIN}`, '1000000000000000000']) {
    assert.ok(isInteger(text), text);
  }
  for (const text of [
    '',
    '-0',
    '+1',
    '01',
    '1.0',
    ' 1',
    '1e3',
    `${INT64_MAX + 1n}`,
    `${INT64_MIN - 1n}`,
  ]) {
    assert.ok(!isInteger(text), text);
  }
  assert.ok(!isInteger('1'.repeat(40)));
});

test('rounds to the nearest number with so many decimals', () => {
  assert.equal(roundDecimal('0.69999999999999999', 15), '0.7');
  assert.equal(roundDecimal('-0.69999999999999999', 15), '-0.7');
  assert.equal(roundDecimal('1.25', 1), '1.3');
  assert.equal(roundDecimal('-1.24', 1), '-1.2');
  assert.equal(roundDecimal('3', 2), '3');
  assert.equal(roundDecimal('x', 2), undefined);
});
