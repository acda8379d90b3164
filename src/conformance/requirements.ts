// Which cases are run. What is not is listed as pending, with the reason.

import type { EngineBinary, EngineKind } from '../engine/find.ts';
import type { ConformanceCase } from './case.ts';
import { NO_MODULES, type ProvidedModules } from './modules.ts';

/** Types without merge rules of their own so far; `all` runs them anyway. */
export const PENDING_TYPES: readonly string[] = [];

/** What this harness can do by itself. */
const PROVIDED: readonly string[] = ['pubsub', 'blocking'];

const VERSION_REQUIREMENT = /^redis>=(\d+)\.(\d+)$/;

/** Valkey went its own way after Redis 7.2. Which of its versions have what Redis has since then (of 7.4: expiries
 * of fields); where none is named, none has. */
const SINCE_IN_VALKEY: Readonly<Record<string, readonly [number, number]>> = { '7.4': [9, 0] };
const LAST_IN_COMMON: readonly [number, number] = [7, 2];

export type ConformanceEngine = Pick<EngineBinary, 'kind' | 'version'>;

/** Why a case is not run; undefined if it is. */
export function pendingReason(
  { type, requires }: Pick<ConformanceCase, 'type' | 'requires'>,
  engine: ConformanceEngine,
  all: boolean,
  modules: ProvidedModules = NO_MODULES,
): string | undefined {
  const missing = requires.filter(
    (one) => !isProvided(one, engine) && !modules.requirements.includes(one),
  );
  if (missing.length > 0) return `requires ${missing.join(', ')}`;
  if (!all && PENDING_TYPES.includes(type)) return `no merge rules for ${type} yet`;
  return undefined;
}

function isProvided(requirement: string, engine: ConformanceEngine): boolean {
  const match = VERSION_REQUIREMENT.exec(requirement);
  if (match === null) return PROVIDED.includes(requirement);
  const wanted = wantedOf(engine.kind, [Number(match[1]), Number(match[2])]);
  if (wanted === undefined) return false;
  const [major = 0, minor = 0] = engine.version.split('.').map(Number);
  return isAtLeast([major, minor], wanted);
}

function wantedOf(kind: EngineKind, redis: readonly [number, number]) {
  const isCommon = kind === 'redis' || isAtLeast(LAST_IN_COMMON, redis);
  return isCommon ? redis : SINCE_IN_VALKEY[redis.join('.')];
}

function isAtLeast(version: readonly [number, number], wanted: readonly [number, number]): boolean {
  const [[major, minor], [wantedMajor, wantedMinor]] = [version, wanted];
  return major > wantedMajor || (major === wantedMajor && minor >= wantedMinor);
}
