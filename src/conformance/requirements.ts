// Which cases are run. What is not is listed as pending, with the reason.

import type { ConformanceCase } from './case.ts';
import { NO_MODULES, type ProvidedModules } from './modules.ts';

/** Types without merge rules of their own so far; `all` runs them anyway. */
export const PENDING_TYPES: readonly string[] = [];

/** What this harness can do by itself. */
const PROVIDED: readonly string[] = ['pubsub', 'blocking'];

const VERSION_REQUIREMENT = /^redis>=(\d+)\.(\d+)$/;

/** Why a case is not run; undefined if it is. */
export function pendingReason(
  { type, requires }: Pick<ConformanceCase, 'type' | 'requires'>,
  engineVersion: string,
  all: boolean,
  modules: ProvidedModules = NO_MODULES,
): string | undefined {
  const missing = requires.filter(
    (one) => !isProvided(one, engineVersion) && !modules.requirements.includes(one),
  );
  if (missing.length > 0) return `requires ${missing.join(', ')}`;
  if (!all && PENDING_TYPES.includes(type)) return `no merge rules for ${type} yet`;
  return undefined;
}

function isProvided(requirement: string, engineVersion: string): boolean {
  const version = VERSION_REQUIREMENT.exec(requirement);
  if (version === null) return PROVIDED.includes(requirement);
  const [major = 0, minor = 0] = engineVersion.split('.').map(Number);
  const [wantedMajor, wantedMinor] = [Number(version[1]), Number(version[2])];
  return major > wantedMajor || (major === wantedMajor && minor >= wantedMinor);
}
