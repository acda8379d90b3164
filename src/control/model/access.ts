// Who may use the data of a database or a cache besides those who have an access key: principals that an access
// policy is assigned to. An engine knows such a one as a user with the principal's object id for a name, and with
// the tokens that were issued to it, while they are good, for passwords.

import { z } from 'zod';
import { badRequest } from './arm-error.ts';

/** As it is stored beside the resource whose engine it is for. */
export const access = z.object({
  users: z.array(
    z.object({
      name: z.string(),
      /** null: all that clients may do. */
      rules: z.array(z.string()).nullable(),
      tokens: z.array(z.object({ digest: z.string(), untilMs: z.number() })),
    }),
  ),
});
export type Access = z.infer<typeof access>;

/** Policies that every cache has. */
export const BUILT_IN_POLICIES: Readonly<Record<string, string>> = {
  'Data Owner': '+@all allkeys allchannels',
  'Data Contributor':
    '+@all -@dangerous +cluster|info +cluster|nodes +cluster|slots allkeys allchannels',
  'Data Reader': '+@read +@connection +cluster|info +cluster|nodes +cluster|slots allkeys',
};
/** The only policy that databases have. */
export const DATABASE_POLICY = 'default';

const objectId = z
  .string()
  .regex(/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i, 'an object id is a GUID')
  .transform((id) => id.toLowerCase());

export const databaseAssignmentBody = z.object({
  properties: z.object({
    accessPolicyName: z
      .string()
      .regex(/^default$/i, "the policy is 'default'")
      .nullish(),
    user: z.object({ objectId }),
  }),
});
export const cacheAssignmentBody = z.object({
  properties: z.object({
    objectId,
    objectIdAlias: z.string().min(1).max(256),
    accessPolicyName: z.string().min(1).max(63),
  }),
});
export const policyBody = z.object({
  properties: z.object({ permissions: z.string().min(1).max(1_000) }),
});

/** As parts of resources are stored. */
export const assignment = z.object({
  objectId: z.string(),
  alias: z.string().nullable(),
  policy: z.string(),
});
export const policy = z.object({ permissions: z.string() });

const COMMAND = /^[+-]@?[a-z0-9][a-z0-9_.|-]*$/i;
const PATTERN = /^(~|%(R|W|RW)~|&)[^\s\p{Cc}]+$/iu;
const WHOLE = ['allkeys', 'allchannels', 'allcommands', 'nocommands', 'resetkeys', 'resetchannels'];

/**
 * The words of a policy as the engine's rules: commands, categories, and patterns of keys and channels. None of its
 * other rules, which are about passwords and users. Throws ArmError.
 */
export function rulesOf(permissions: string): string[] {
  const words = permissions.split(/[\s]+/).filter((word) => word !== '');
  for (const word of words) {
    if (COMMAND.test(word) || PATTERN.test(word) || WHOLE.includes(word.toLowerCase())) continue;
    throw badRequest(
      `properties.permissions: '${word.slice(0, 60)}' is none of +command, -command, +@category, -@category, ~keys, &channels and ${WHOLE.join(', ')}.`,
      'properties.permissions',
    );
  }
  return words;
}

/** The rules of a policy; null: everything that clients may do. */
export function policyRules(permissions: string): string[] | null {
  return permissions === BUILT_IN_POLICIES['Data Owner'] ? null : rulesOf(permissions);
}

/** Those whose tokens are still good. */
export function usersAt({ users }: Access, nowMs: number) {
  return users.flatMap(({ name, rules, tokens }) => {
    const good = tokens.filter(({ untilMs }) => untilMs > nowMs);
    return good.length === 0 ? [] : [{ name, rules, digests: good.map(({ digest }) => digest) }];
  });
}
