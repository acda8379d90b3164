// The command that carries out each kind of read.

import { LIST_VALUES_MAX } from './interpret/list-shadow.ts';
import type { ReadRequest } from './interpret/reads.ts';
import {
  READ_CELLS_SCRIPT,
  READ_FIELDS_SCRIPT,
  READ_LIST_SCRIPT,
  READ_SCRIPT,
} from './resolve/scripts.ts';

/** Arguments in latin1, the name first. */
export function readArguments(request: ReadRequest): string[] {
  const { key } = request;
  switch (request.kind) {
    case 'whole':
    case 'members':
      return ['EVAL_RO', READ_SCRIPT, '1', key];
    case 'libraries':
      return ['FUNCTION', 'LIST', 'WITHCODE'];
    case 'list':
      return ['EVAL_RO', READ_LIST_SCRIPT, '1', key, String(LIST_VALUES_MAX)];
    case 'document':
      return ['EVAL_RO', READ_FIELDS_SCRIPT, '1', key, ...request.names];
    case 'expiry':
      return ['PEXPIRETIME', key];
    case 'cells': {
      const names = request.names[0] === '' ? [] : request.names;
      return ['EVAL_RO', READ_CELLS_SCRIPT, '1', key, ...names];
    }
  }
}
