// FUNCTION commands as ops, where a group replicates functions. A library's name is in the first line of its
// source. What FUNCTION RESTORE brought is in a form of the engine's own: the libraries are read.

import { OpKind } from '../../model/op.ts';
import type { Command } from '../../resp/command.ts';
import { libraryArgs } from '../live/libraries/library-effect.ts';
import type { OpSink } from './sink.ts';

/** Of "#!lua name=mylib". */
const NAME_IN_SOURCE = /^#!\S+[^\r\n]*?\sname=["']?(\w+)/i;

export function libraryRule(sink: OpSink): (command: Command) => void {
  const ship = (args: string[]): void => sink.rewritten(OpKind.libraries, args);
  return (command) => {
    switch (command.arg(1).toUpperCase()) {
      case 'LOAD': {
        const source = command.arg(command.argc - 1);
        const name = NAME_IN_SOURCE.exec(source)?.[1];
        if (name !== undefined) ship(libraryArgs('LOAD', name, source));
        else sink.readLibraries();
        break;
      }
      case 'DELETE':
        ship(libraryArgs('DELETE', command.arg(2)));
        break;
      case 'FLUSH':
        ship(libraryArgs('FLUSH'));
        break;
      case 'RESTORE':
        if (command.argc > 3 && command.arg(3).toUpperCase() === 'FLUSH')
          ship(libraryArgs('FLUSH'));
        sink.readLibraries();
        break;
    }
  };
}
