// The script through which the replicator runs commands of the search module. An index that is there already,
// or is gone, is no fault: regions that create or drop the same one at the same time have to agree, not to
// succeed. That the engine does not know a command is a fault: its module is missing.

import { EVEN_WHEN_FULL } from './script-flags.ts';

/** ARGV: commands as <argc> <args...>, with a ? before the argc of one that the engine need not know. */
export const SEARCH_SCRIPT = `${EVEN_WHEN_FULL}local i, fault = 1, nil
while ARGV[i] do
  local need, n = string.match(ARGV[i], '^(%??)(%d+)$')
  n = tonumber(n)
  local reply = redis.pcall(unpack(ARGV, i + 1, i + n))
  if need == '' and type(reply) == 'table' and reply.err then
    if string.find(string.lower(reply.err), 'unknown.*command') then fault = reply end
  end
  i = i + n + 1
end
return fault or 1`;
