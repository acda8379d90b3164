import assert from 'node:assert/strict';
import { test } from 'node:test';
import { BUILT_IN_POLICIES, policyRules, rulesOf, usersAt } from './access.ts';
import { ArmError } from './arm-error.ts';

test('a policy is made of commands, categories, keys and channels, and of nothing else', () => {
  const text = '+@read -keys +config|get ~a:* %R~b &c allkeys nocommands';
  assert.deepEqual(rulesOf(` ${text}\t`), text.split(' '));
  for (const word of [
    ...['on', 'off', 'nopass', 'reset', 'resetpass', '>secret', '<secret', '#abc', '!abc'],
    ...[
      '(+get ~x)',
      '+',
      '+@',
      '@read',
      'get',
      '~',
      '%X~a',
      'sanitize-payload',
      '+get;x',
      '~a\u0001',
    ],
  ]) {
    assert.throws(() => rulesOf(`+get ${word}`), ArmError, word);
  }
});

test('the built-in policies are sound, and one of them is all that clients may do', () => {
  for (const [name, permissions] of Object.entries(BUILT_IN_POLICIES)) {
    assert.equal(policyRules(permissions) === null, name === 'Data Owner');
    assert.ok(rulesOf(permissions).length > 0);
  }
});

test('one whose tokens have all expired is not admitted', () => {
  const token = (digest: string, untilMs: number) => ({ digest, untilMs });
  const users = [
    { name: 'a', rules: null, tokens: [token('x', 10), token('y', 20)] },
    { name: 'b', rules: ['+get'], tokens: [token('z', 10)] },
    { name: 'c', rules: null, tokens: [] },
  ];
  assert.deepEqual(usersAt({ users }, 10), [{ name: 'a', rules: null, digests: ['y'] }]);
  assert.deepEqual(
    usersAt({ users }, 9).map(({ name }) => name),
    ['a', 'b'],
  );
});
