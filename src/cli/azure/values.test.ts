import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { Json } from './json.ts';
import { objects, pair, settings, several, shorthand } from './values.ts';

/** As the command line calls a reader: one value after the other. */
function read<T>(reader: (text: string, earlier?: T) => T, ...texts: readonly string[]) {
  return texts.reduce<T | undefined>((earlier, text) => reader(text, earlier), undefined);
}

test('databases are listed as id=..., as bare ids, as JSON and in shorthand', () => {
  const linked = objects('id', ['id']);
  const wanted = [{ id: '/a/default' }, { id: '/b/default' }];
  assert.deepEqual(read(linked, 'id=/a/default', 'id=/b/default'), wanted);
  assert.deepEqual(read(linked, '/a/default', '/b/default'), wanted);
  assert.deepEqual(read(linked, '[{"id":"/a/default"},{"id":"/b/default"}]'), wanted);
  assert.deepEqual(read(linked, '[{id:/a/default},{id:/b/default}]'), wanted);
  assert.deepEqual(read(linked, '{id:/a/default}', 'id=/b/default'), wanted);
  assert.throws(() => linked('[{ids:/a}]'), /It must be id=/);
  assert.throws(() => linked('{id:/a'), /neither JSON nor shorthand/);
});

test('each name= begins another module, whose arguments follow', () => {
  const modules = objects('name', ['name', 'args']);
  assert.deepEqual(read(modules, 'name=RediSearch', 'name=RedisJSON', 'args=A=1 B'), [
    { name: 'RediSearch' },
    { name: 'RedisJSON', args: 'A=1 B' },
  ]);
  assert.deepEqual(read(modules, 'RediSearch'), [{ name: 'RediSearch' }]);
});

test('settings have the names of the API, and true and false as such', () => {
  const persistence = settings(['aofEnabled', 'aofFrequency']);
  assert.deepEqual(read(persistence, 'aof-enabled=true', 'aof-frequency=1s'), {
    aofEnabled: true,
    aofFrequency: '1s',
  });
  assert.deepEqual(read(persistence, '{aof-enabled:false}'), { aofEnabled: false });
  assert.throws(() => persistence('aof=true'), /aof is none of aof-enabled, aof-frequency/);
});

test('tags are pairs; a value may hold what separates them', () => {
  assert.deepEqual(read(pair, 'a=1', 'b=x=y'), { a: '1', b: 'x=y' });
  assert.throws(() => pair('a'), /NAME=VALUE/);
  assert.deepEqual(read(several, '1', '[2,3]'), ['1', '2', '3']);
});

test('shorthand says what JSON says, for names and values without its signs', () => {
  const word = fc.stringMatching(/^[\w/.-]{1,12}$/).filter((text) => !/^[-\d.]/.test(text));
  const words = ['true', 'false', 'null'];
  const { value } = fc.letrec<{ value: Json }>((tie) => ({
    value: fc.oneof(
      { maxDepth: 3 },
      word.filter((text) => !words.includes(text)),
      fc.array(tie('value'), { maxLength: 3 }),
      fc.dictionary(word, tie('value'), { maxKeys: 3 }),
    ),
  }));
  fc.assert(
    fc.property(value, (whole) => {
      const text = JSON.stringify(whole).replaceAll('"', '');
      assert.deepEqual(JSON.stringify(shorthand(text)), JSON.stringify(whole));
    }),
  );
  assert.deepEqual(shorthand("{a:'b, c: [d]'}"), { a: 'b, c: [d]' });
});
