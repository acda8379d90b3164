// The arguments of LMPOP, ZMPOP and their blocking forms: numkeys key ... where [COUNT count].

import { at } from './command-table.ts';
import { positiveArgument } from './numbers.ts';
import { SYNTAX_ERROR } from './reply.ts';

export interface MultiPop<Where> {
  readonly keys: readonly string[];
  readonly where: Where;
  readonly count: number;
}

/** Reads them from index `first`; `wheres` are the words for an end, in upper case. */
export function parseMultiPop<Where extends string>(
  args: readonly string[],
  first: number,
  wheres: readonly Where[],
): MultiPop<Where> {
  const keyCount = positiveArgument(at(args, first), 'ERR numkeys should be greater than 0');
  const whereIndex = first + 1 + keyCount;
  const word = args[whereIndex]?.toUpperCase();
  const where = wheres.find((each) => each === word);
  if (where === undefined) throw SYNTAX_ERROR;
  let count: number | undefined;
  for (let i = whereIndex + 1; i < args.length; i += 2) {
    const counts = at(args, i).toUpperCase() === 'COUNT' && i + 1 < args.length;
    if (!counts || count !== undefined) throw SYNTAX_ERROR;
    count = positiveArgument(at(args, i + 1), 'ERR count should be greater than 0');
  }
  return { keys: args.slice(first + 1, whereIndex), where, count: count ?? 1 };
}
