// The command that carries out each kind of read.

import { pathsOf } from './interpret/json-reads.ts';
import { LIST_VALUES_MAX } from './interpret/list-shadow.ts';
import type { ReadRequest } from './interpret/reads.ts';
import {
  READ_CELLS_SCRIPT,
  READ_FIELD_EXPIRIES_SCRIPT,
  READ_FIELDS_SCRIPT,
  READ_JSON_SCRIPT,
  READ_LIST_SCRIPT,
  READ_SCRIPT,
} from './resolve/scripts.ts';
import { READ_GROUP_SCRIPT, READ_STREAM_HEAD_SCRIPT } from './resolve/stream-scripts.ts';

/** Arguments in latin1, the name first. `hasFieldExpiry`: the engine knows expiries of fields. */
export function readArguments(request: ReadRequest, hasFieldExpiry = false): string[] {
  const { key } = request;
  switch (request.kind) {
    case 'whole':
    case 'members':
      return ['EVAL_RO', READ_SCRIPT, '1', key, hasFieldExpiry ? '1' : '0'];
    case 'fields':
      return ['EVAL_RO', READ_FIELD_EXPIRIES_SCRIPT, '1', key, ...request.names];
    case 'libraries':
      return ['FUNCTION', 'LIST', 'WITHCODE'];
    case 'list':
      return ['EVAL_RO', READ_LIST_SCRIPT, '1', key, String(LIST_VALUES_MAX)];
    case 'document':
      return ['EVAL_RO', READ_FIELDS_SCRIPT, '1', key, ...request.names];
    case 'streamHead':
      return [
        'EVAL_RO',
        READ_STREAM_HEAD_SCRIPT,
        '1',
        key,
        String(request.count),
        ...request.places,
      ];
    case 'done':
    case 'group':
      return ['EVAL_RO', READ_GROUP_SCRIPT, '1', key, request.group];
    case 'json':
      return ['EVAL_RO', READ_JSON_SCRIPT, '1', key, ...pathsOf(request)];
    case 'expiry':
      return ['PEXPIRETIME', key];
    case 'cells': {
      const names = request.names[0] === '' ? [] : request.names;
      return ['EVAL_RO', READ_CELLS_SCRIPT, '1', key, ...names];
    }
  }
}
