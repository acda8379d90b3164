// Modules that cases may need. Which file has one is told by the environment; where none is named, cases that
// require it are pending.

/** What a case requires, and the variable that names the module's file. */
const VARIABLES = { json: 'ATOLL_JSON_MODULE', search: 'ATOLL_SEARCH_MODULE' } as const;

export interface ProvidedModules {
  /** What cases may require because of them. */
  readonly requirements: readonly string[];
  readonly paths: readonly string[];
}

export const NO_MODULES: ProvidedModules = { requirements: [], paths: [] };

export function providedModules(environment: NodeJS.ProcessEnv): ProvidedModules {
  const named = Object.entries(VARIABLES).flatMap(([requirement, variable]) => {
    const path = environment[variable];
    return path === undefined || path === '' ? [] : [{ requirement, path }];
  });
  return {
    requirements: named.map(({ requirement }) => requirement),
    paths: named.map(({ path }) => path),
  };
}
