// Allows clients what only some engines have. The users file cannot do that: an engine does not start
// with a file that names a command which it does not know.

import { CLIENT_USER } from './acl.ts';
import { connectEngine, type EngineEndpoint } from './client.ts';

/** Allows these users those of `commands` that the engine knows, and returns these. */
export async function allowWhereKnown(
  endpoint: EngineEndpoint,
  commands: readonly string[],
  users: readonly string[] = [CLIENT_USER],
): Promise<string[]> {
  const admin = await connectEngine(endpoint);
  try {
    const rows: unknown = await admin.call('COMMAND', 'INFO', ...commands);
    const known = commands.filter((_, index) => Array.isArray(rows) && Array.isArray(rows[index]));
    if (known.length > 0) {
      const rules = known.map((name) => `+${name.toLowerCase()}`);
      for (const user of users) await admin.call('ACL', 'SETUSER', user, ...rules);
    }
    return known;
  } finally {
    admin.disconnect();
  }
}
