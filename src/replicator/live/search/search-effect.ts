// What a search op does, as cells of what it writes to: an index (its definition, and what was added to it
// later), an alias, a dictionary (each term), a document of an index. Cells merge as those of a hash do: the
// newest assignment wins, a removal takes what it had seen.

import { OpKind } from '../../../model/op.ts';
import type { CellEffect, Effect } from '../effect.ts';

/** The cell of the thing itself. What was added to an index has cells of its own beside it. */
export const DEFINITION = '';

/** Of a document in an index: what it carries beside its fields. */
const PAYLOAD = 'payload';

/** The effect of an op of a kind outside the keyspace. */
export function searchEffect(kind: OpKind, args: readonly string[]): Effect {
  switch (kind) {
    case OpKind.ftIndex:
      return indexEffect(args);
    case OpKind.ftAlias:
      return effect([assigned(DEFINITION, args[0] === 'FT.ALIASUPDATE')]);
    case OpKind.ftDictionary: {
      const adds = args[0] === 'FT.DICTADD';
      return effect([...new Set(args.slice(2))].map((term) => assigned(term, adds)));
    }
    default:
      return documentEffect(args);
  }
}

function indexEffect(args: readonly string[]): Effect {
  switch (args[0]) {
    case 'FT.CREATE':
      return effect([assigned(DEFINITION, true)], true);
    case 'FT.DROP':
    case 'FT.DROPINDEX':
      return effect([], true);
    default:
      // The same addition made twice is one; different ones stand beside each other.
      return effect([assigned(args.join(' '), true)]);
  }
}

function documentEffect(args: readonly string[]): Effect {
  switch (args[2]) {
    case 'DEL':
      return effect([], true);
    case 'PAYLOAD':
      return effect([assigned(PAYLOAD, true)]);
    default:
      return effect([assigned(DEFINITION, true)], true);
  }
}

function assigned(name: string, isThere: boolean): CellEffect {
  return isThere ? { name, assign: '' } : { name };
}

function effect(cells: readonly CellEffect[], coversKey = false): Effect {
  return {
    valueClass: 'search',
    coversKey,
    retains: undefined,
    cells,
    adds: cells.some((cell) => cell.assign !== undefined),
    expiry: undefined,
    clearsExpiry: false,
  };
}
