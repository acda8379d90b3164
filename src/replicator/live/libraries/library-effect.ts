// What an op on function libraries does. All libraries of a group are one entry of the live index, each a cell
// by its name: of concurrent loads of one the newest wins, a removal takes what it had seen.
//
//   LIBRARIES functions LOAD name source
//   LIBRARIES functions DELETE name
//   LIBRARIES functions FLUSH

import { indexName, OpKind } from '../../../model/op.ts';
import type { Effect } from '../effect.ts';

const NAME = 'functions';

/** Under which the live index has them. */
export const LIBRARIES = indexName(OpKind.libraries, NAME);

/** The command of an op. */
export function libraryArgs(verb: 'LOAD' | 'DELETE' | 'FLUSH', ...rest: string[]): string[] {
  return ['LIBRARIES', NAME, verb, ...rest];
}

export function libraryEffect(args: readonly string[]): Effect {
  const [, , verb, name = ''] = args;
  const loads = verb === 'LOAD';
  const named = loads ? [{ name, assign: '' }] : [{ name }];
  return {
    valueClass: 'library',
    coversKey: verb === 'FLUSH',
    retains: undefined,
    cells: verb === 'FLUSH' ? [] : named,
    adds: loads,
    expiry: undefined,
    clearsExpiry: false,
  };
}
