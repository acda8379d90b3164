// Commands of modules and of types that only newer engines have.

import type { CommandGroup } from './row.ts';

const OF_ONE_PLACE = 'where the path may name several places: whole read';

export const JSON_COMMANDS: CommandGroup = {
  title: 'JSON',
  rows: [
    {
      names: ['JSON.SET'],
      reach: 'rule',
      as: 'verbatim, without NX and XX',
      merges: ['path'],
      caveats: `${OF_ONE_PLACE}; of two values in one place that of the smaller replica id shows`,
    },
    {
      names: ['JSON.MERGE'],
      reach: 'rule',
      as: 'the members that it assigned or removed, by a read',
      merges: ['path'],
      caveats: OF_ONE_PLACE,
    },
    {
      names: ['JSON.TOGGLE', 'JSON.STRAPPEND'],
      reach: 'rule',
      as: 'JSON.SET of the value that it left, by a read',
      merges: ['path'],
      caveats: `${OF_ONE_PLACE}; an assignment: concurrent ones do not add up`,
    },
    {
      names: ['JSON.CLEAR'],
      reach: 'rule',
      as: 'verbatim; of anything but an object or array: JSON.SET of the value that it left',
      merges: ['path'],
      caveats: `${OF_ONE_PLACE}; takes what it had seen`,
    },
    {
      names: ['JSON.MSET'],
      reach: 'rule',
      as: 'one JSON.SET for each path, one unit',
      merges: ['path'],
    },
    {
      names: ['JSON.DEL', 'JSON.FORGET'],
      reach: 'rule',
      as: 'verbatim; of the whole document: DEL',
      merges: ['path', 'removal'],
      caveats: `${OF_ONE_PLACE}; takes what was changed inside meanwhile`,
    },
    {
      names: ['JSON.NUMINCRBY'],
      reach: 'rule',
      as: 'the increment, with its result unless that is an integer',
      merges: ['path'],
      caveats: `${OF_ONE_PLACE}; concurrent ones add up`,
    },
    {
      names: ['JSON.NUMMULTBY', 'JSON.NUMPOWBY'],
      reach: 'rule',
      as: 'JSON.SET of the value that it left, by a read',
      merges: ['path'],
      caveats: `${OF_ONE_PLACE}; concurrent ones do not multiply`,
    },
    {
      names: ['JSON.ARRAPPEND', 'JSON.ARRINSERT', 'JSON.ARRPOP', 'JSON.ARRTRIM'],
      reach: 'rule',
      as: 'verbatim; indexes count as its region saw them',
      merges: ['path'],
      caveats: `${OF_ONE_PLACE}; elements that others inserted or removed meanwhile are told apart`,
    },
  ],
};

const DEFINITIONS_ONLY = 'documents are the keys that they are; each region indexes its own copy';

export const SEARCH: CommandGroup = {
  title: 'Search',
  rows: [
    {
      names: ['FT.CREATE', 'FT._CREATEIFNX', 'FT.ALTER', 'FT._ALTERIFNX'],
      reach: 'rule',
      as: 'FT.CREATE, FT.ALTER',
      merges: ['index'],
      caveats: `${DEFINITIONS_ONLY}; newer modules propagate all these names with _FT; RediSearch 1 does not propagate FT.ALTER`,
    },
    {
      names: ['FT.DROPINDEX', 'FT._DROPINDEXIFX', 'FT.DROP', 'FT._DROPIFX'],
      reach: 'rule',
      as: 'FT.DROPINDEX; FT.DROP as it was written',
      merges: ['index'],
      caveats: 'documents that go with the index are a DEL each, but with FT.DROP of RediSearch 1',
    },
    {
      names: [
        'FT.ALIASADD',
        'FT.ALIASUPDATE',
        'FT.ALIASDEL',
        'FT._ALIASADDIFNX',
        'FT._ALIASDELIFX',
      ],
      reach: 'rule',
      as: 'FT.ALIASUPDATE, FT.ALIASDEL',
      merges: ['index'],
    },
    {
      names: ['FT.DICTADD', 'FT.DICTDEL'],
      reach: 'rule',
      as: 'the terms',
      merges: ['terms'],
    },
    {
      names: ['FT.SYNUPDATE'],
      reach: 'rule',
      as: 'the synonyms',
      merges: ['terms'],
    },
    {
      names: ['FT.SYNADD', 'FT.SYNFORCEUPDATE'],
      since: 'RediSearch 1',
      reach: 'nothing',
      caveats: 'nor is FT.SYNUPDATE of RediSearch 1 propagated: run them in every region',
    },
    {
      names: ['FT.SUGADD', 'FT.SUGDEL'],
      reach: 'rule',
      as: 'verbatim; FT.SUGADD with INCR: whole read',
      merges: ['opaque'],
      caveats: 'the dictionary of suggestions is a key',
    },
    {
      names: ['FT.ADD', 'FT.SAFEADD'],
      since: 'RediSearch 1',
      reach: 'rule',
      as: 'a read of the fields: HSET, and the indexing of the document',
      merges: ['field', 'index'],
      caveats: 'with NOSAVE only the indexing, verbatim',
    },
    {
      names: ['FT.ADDHASH', 'FT.SAFEADDHASH', 'FT.SETPAYLOAD', 'FT.DEL'],
      since: 'RediSearch 1',
      reach: 'rule',
      as: 'the indexing of the document; FT.DEL with DD: also a whole read',
      merges: ['index'],
    },
    {
      names: ['FT.OPTIMIZE'],
      since: 'RediSearch 1',
      reach: 'nothing',
    },
    {
      names: ['FT.CONFIG SET', '_FT.CONFIG SET'],
      reach: 'nothing',
      caveats: 'local to each engine; newer engines count it as administrative and deny it',
    },
    {
      names: ['FT.SEARCH', 'FT.AGGREGATE', 'FT.SUGGET', 'FT.SUGLEN'],
      reach: 'nothing',
      as: 'reads',
    },
  ],
};

const NEWEST_WHOLE_VALUE = "the newest writer's whole value";

export const OTHER_TYPES: CommandGroup = {
  title: 'Other types',
  rows: [
    {
      names: ['VADD', 'VREM', 'VSETATTR'],
      since: 'Redis 8.0',
      reach: 'default',
      as: 'verbatim',
      merges: ['opaque'],
      caveats: `vector sets; ${NEWEST_WHOLE_VALUE}`,
    },
    {
      names: ['ARSET', 'ARMSET', 'ARINSERT', 'ARRING', 'ARSEEK', 'ARDEL', 'ARDELRANGE'],
      since: 'Redis 8.8',
      reach: 'default',
      as: 'verbatim',
      merges: ['opaque'],
      caveats: `arrays; ${NEWEST_WHOLE_VALUE}`,
    },
    {
      names: ['BF.*', 'CF.*', 'CMS.*', 'TOPK.*', 'TDIGEST.*'],
      since: 'with their modules',
      reach: 'default',
      as: 'verbatim',
      merges: ['opaque'],
      caveats: `probabilistic types; ${NEWEST_WHOLE_VALUE}`,
    },
    {
      names: ['TS.*'],
      since: 'with its module',
      reach: 'default',
      as: 'verbatim; TS.MADD: whole read of each key',
      merges: ['opaque'],
      caveats: `time series; ${NEWEST_WHOLE_VALUE}`,
    },
  ],
};
