import assert from 'node:assert/strict';
import { test } from 'node:test';
import { checkQuery, queried, rendered } from './render.ts';
import { shaped } from './shape.ts';

const ID = '/subscriptions/s/resourceGroups/rg/providers/Microsoft.Cache/redisEnterprise/c';

const CLUSTERS = [
  { name: 'b', id: ID, location: 'East US', zones: null, sku: { name: 'E10' }, isNew: true },
  { name: 'a', id: ID, location: 'West US', zones: null, sku: { name: 'E10' }, isNew: false },
];

test('json is sorted by name, and what is nothing prints nothing', () => {
  const text = rendered({ b: 1, a: [{ d: null, c: 'x' }] }, { format: 'json' });
  assert.equal(
    text,
    '{\n  "a": [\n    {\n      "c": "x",\n      "d": null\n    }\n  ],\n  "b": 1\n}\n',
  );
  for (const format of ['json', 'table', 'tsv', 'yaml'] as const) {
    assert.equal(rendered(null, { format }), '');
  }
  assert.equal(rendered({ a: 1 }, { format: 'none' }), '');
});

test('jsonc has colours on a terminal only, and is the same text without them', () => {
  const plain = rendered(CLUSTERS, { format: 'json' });
  assert.equal(rendered(CLUSTERS, { format: 'jsonc' }), plain);
  const coloured = rendered(CLUSTERS, { format: 'jsonc', hasColours: true });
  assert.notEqual(coloured, plain);
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
  assert.equal(coloured.replaceAll(/\x1b\[\d+m/g, ''), plain);
});

test('yaml', () => {
  const value = { b: 'East US', a: [1, { c: null }] };
  assert.equal(rendered(value, { format: 'yaml' }), 'a:\n  - 1\n  - c: null\nb: East US\n');
});

test('a table has plain values, sorted by name; a query chooses and orders them', () => {
  assert.equal(
    rendered(CLUSTERS, { format: 'table' }),
    [
      'IsNew  Location  Name',
      '-----  --------  ----',
      'True   East US   b',
      'False  West US   a',
      '',
    ].join('\n'),
  );
  const chosen = queried(CLUSTERS, '[].{Where:location, What:sku.name}');
  assert.equal(
    rendered(chosen, { format: 'table', isQueried: true }),
    'Where    What\n-------  ----\nEast US  E10\nWest US  E10\n',
  );
  const own = { format: 'table', row: () => ({ Own: 'x' }) } as const;
  assert.equal(rendered(CLUSTERS, own), 'Own\n---\nx\nx\n');
  assert.match(rendered(chosen, { ...own, isQueried: true }), /^Where/);
});

test('tsv: a line for each item, of lists their length', () => {
  assert.equal(
    rendered(queried(CLUSTERS, '[].[name,isNew,zones]'), { format: 'tsv' }),
    ['b\tTrue\tNone\n', 'a\tFalse\tNone\n'].join(''),
  );
  assert.equal(rendered(true, { format: 'tsv' }), 'true\n');
  assert.equal(rendered({ b: [1, 2], a: { c: 1 } }, { format: 'tsv' }), '\t2\n');
});

test('a query that is none is refused before anything is asked', () => {
  assert.throws(() => checkQuery('[}'), { code: 'QUERY_INVALID' });
  checkQuery('length(@)');
  assert.throws(() => queried(true, 'length(@)'), { code: 'QUERY_INVALID' });
  assert.equal(queried(CLUSTERS, 'nothing'), null);
});

test('properties of resources come to the top, and ids tell the resource group', () => {
  const member = { id: `${ID}/databases/default`, state: 'Linked' };
  const cluster = {
    id: ID,
    name: 'c',
    sku: { name: 'E10', capacity: 2 },
    properties: { name: 'other', hostName: 'h', linkedDatabases: [member] },
  };
  assert.deepEqual(shaped([cluster]), [
    {
      id: ID,
      name: 'c',
      sku: { name: 'E10', capacity: 2 },
      hostName: 'h',
      linkedDatabases: [{ ...member, resourceGroup: 'rg' }],
      resourceGroup: 'rg',
    },
  ]);
  const group = { id: '/subscriptions/s/resourceGroups/rg', properties: { a: 1 } };
  assert.deepEqual(shaped(group), group);
});
