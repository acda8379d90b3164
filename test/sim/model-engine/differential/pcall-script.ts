// A script that runs any commands, so that random ones can run inside a script: ARGV holds for each the number of its
// arguments, then these. Replies come back as a script sees them.

import type { ModelEngine } from '../model-engine.ts';
import { array, type ModelReply } from '../reply.ts';

const SOURCE = `local replies = {} local i = 1
while i <= #ARGV do
  local n = tonumber(ARGV[i])
  replies[#replies + 1] = redis.pcall(unpack(ARGV, i + 1, i + n))
  i = i + n + 1
end
return replies`;

export function pcallScript(commands: readonly (readonly string[])[]): string[] {
  return ['EVAL', SOURCE, '0', ...commands.flatMap((args) => [String(args.length), ...args])];
}

/** The commands that such a script runs; undefined for every other command. */
export function scriptedCommands(
  args: readonly string[],
): readonly (readonly string[])[] | undefined {
  if (args[1] !== SOURCE) return undefined;
  const commands: (readonly string[])[] = [];
  for (let i = 3; i < args.length; ) {
    const end = i + 1 + Number(args[i]);
    commands.push(args.slice(i + 1, end));
    i = end;
  }
  return commands;
}

export function registerPcallScript(model: ModelEngine): void {
  model.registerScript(SOURCE, ({ pcall }, _keys, argv): ModelReply => {
    const commands = scriptedCommands(['EVAL', SOURCE, '0', ...argv]) ?? [];
    return array(commands.map(pcall));
  });
}
