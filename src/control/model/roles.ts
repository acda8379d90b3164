// Who may do what: the built-in roles, and whether the actions of one cover an action. Names and ids of roles are
// Azure's; actions that Azure has not published follow its form, <type>/<verb>/action.

export interface Role {
  readonly id: string;
  readonly name: string;
  readonly description: string;
  readonly actions: readonly string[];
  readonly notActions: readonly string[];
}

const AUTHORIZATION_WRITES = [
  'Microsoft.Authorization/*/Delete',
  'Microsoft.Authorization/*/Write',
];
const COMMON_READS = [
  'Microsoft.Authorization/*/read',
  'Microsoft.Resources/subscriptions/resourceGroups/read',
  'Microsoft.Resources/subscriptions/read',
  'Microsoft.Insights/eventtypes/values/read',
  'Microsoft.Insights/metrics/read',
  'Microsoft.Insights/metricDefinitions/read',
];

export const ROLES: readonly Role[] = [
  {
    id: '8e3af657-a8ff-443c-a75c-2fe8c4bcb635',
    name: 'Owner',
    description: 'Everything, rights among it.',
    actions: ['*'],
    notActions: [],
  },
  {
    id: 'b24988ac-6180-42a0-ab88-20f7382dd24c',
    name: 'Contributor',
    description: 'Everything but rights.',
    actions: ['*'],
    notActions: AUTHORIZATION_WRITES,
  },
  {
    id: 'acdd72a7-3385-48ef-bd42-f606fba81ae7',
    name: 'Reader',
    description: 'See everything, but no keys.',
    actions: ['*/read'],
    notActions: [],
  },
  {
    id: '18d7d88d-d35e-4fb5-a5c3-7773c20a72d9',
    name: 'User Access Administrator',
    description: 'See everything, but no keys; give and take away rights.',
    actions: ['*/read', 'Microsoft.Authorization/*'],
    notActions: [],
  },
  {
    id: '3015e5ed-6856-4ab3-b2f0-b8492aa30ca6',
    name: 'Azure Managed Redis Contributor',
    description: 'Everything about Enterprise clusters and databases.',
    actions: [
      'Microsoft.Cache/redisEnterprise/*',
      'Microsoft.Cache/locations/operationsStatus/read',
      'Microsoft.Cache/locations/checknameavailability/action',
      'Microsoft.Cache/operations/read',
      ...COMMON_READS,
    ],
    notActions: [],
  },
  {
    id: 'f287ba2f-f923-4464-a5bd-721c3951d32d',
    name: 'Azure Managed Redis Reader',
    description: 'See Enterprise clusters and databases, but no keys.',
    actions: [
      'Microsoft.Cache/redisEnterprise/read',
      'Microsoft.Cache/redisEnterprise/*/read',
      'Microsoft.Insights/metrics/read',
      'Microsoft.Insights/metricDefinitions/read',
    ],
    notActions: [],
  },
  {
    id: 'e0f68234-74aa-48ed-b826-c38b57376e17',
    name: 'Redis Cache Contributor',
    description: 'Everything about caches of the classes Basic, Standard and Premium.',
    actions: [
      'Microsoft.Cache/redis/*',
      'Microsoft.Cache/locations/asyncOperations/read',
      'Microsoft.Cache/locations/operationResults/read',
      'Microsoft.Cache/register/action',
      ...COMMON_READS,
    ],
    notActions: [],
  },
];

/** By id, or by name whatever its case. */
export function roleNamed(text: string): Role | undefined {
  const wanted = text.toLowerCase();
  return ROLES.find(({ id, name }) => id === wanted || name.toLowerCase() === wanted);
}

export function allows(role: Pick<Role, 'actions' | 'notActions'>, action: string): boolean {
  const covers = (pattern: string): boolean => matches(pattern, action);
  return role.actions.some(covers) && !role.notActions.some(covers);
}

/** `*` stands for anything, also across slashes. */
function matches(pattern: string, action: string): boolean {
  const parts = pattern.toLowerCase().split('*');
  const text = action.toLowerCase();
  const [first = ''] = parts;
  const last = parts.at(-1) ?? '';
  if (parts.length === 1) return text === first;
  if (!text.startsWith(first) || !text.endsWith(last)) return false;
  let at = first.length;
  for (const part of parts.slice(1, -1)) {
    const found = text.indexOf(part, at);
    if (found < 0) return false;
    at = found + part.length;
  }
  return at <= text.length - last.length;
}
