// Changes of who may use a database or a cache: its engine is told first, and what it refuses is not written down.

import { z } from 'zod';
import {
  type Access,
  assignment,
  BUILT_IN_POLICIES,
  DATABASE_POLICY,
  policy,
  policyRules,
} from '../model/access.ts';
import { dataTokensOf } from '../store/data-tokens.ts';
import { deletePart, markPart, type PartRecord, partsOf, putPart } from '../store/parts.ts';
import { updateResource } from '../store/resources.ts';
import type { Change, Db } from '../store/store.ts';
import type { OperationParts } from './database-operations.ts';
import type { Definition } from './runner.ts';
import { runsAs } from './running.ts';

const part = z.object({
  id: z.string(),
  type: z.enum(['accessPolicy', 'accessPolicyAssignment']),
  parentKey: z.string(),
});
/** `before`: what the part said; null: there was none. `isRemoval`: it goes. */
export const accessInput = z.object({
  part,
  key: z.string(),
  before: z.record(z.string(), z.unknown()).nullable(),
  isRemoval: z.boolean(),
});
export type AccessInput = z.infer<typeof accessInput>;

export function changeAccess({ store, hosting, plans }: OperationParts): Definition {
  const apply = async (key: string, access?: Access): Promise<void> => {
    const { plan, group, isRunning } = await runsAs(store.db, plans, key, access);
    if (isRunning) await hosting.reconfigure(group, plan);
  };
  const wanted = async (db: Db, key: string, given: unknown): Promise<Access> => {
    const input = accessInput.parse(given);
    return await accessOf(db, key, input.isRemoval ? input.key : null);
  };
  return {
    steps: [
      {
        name: 'apply',
        run: async ({ operation: { targetKey, input } }) =>
          await apply(targetKey, await wanted(store.db, targetKey, input)),
        undo: ({ operation: { targetKey } }) => apply(targetKey),
      },
    ],
    succeeded: async (change, { targetKey, input }) => {
      const access = await wanted(change, targetKey, input);
      await updateResource(change, targetKey, { access });
      const { key, isRemoval } = accessInput.parse(input);
      if (isRemoval) await deletePart(change, key);
      else await markPart(change, key, 'Succeeded');
    },
    failed: async (change, { input }) => await putBack(change, accessInput.parse(input)),
  };
}

async function putBack(change: Change, { part, key, before, isRemoval }: AccessInput) {
  if (isRemoval) await markPart(change, key, 'Succeeded');
  else if (before === null) await markPart(change, key, 'Failed');
  else await putPart(change, { ...part, settings: before, provisioning: 'Succeeded' });
}

/** Who may use it as its parts are now, without one of them. */
export async function accessOf(db: Db, key: string, without: string | null): Promise<Access> {
  const isMeant = (one: PartRecord): boolean =>
    one.provisioning !== 'Failed' && one.key !== without;
  const policies = new Map(Object.entries(BUILT_IN_POLICIES));
  for (const one of (await partsOf(db, key, 'accessPolicy')).filter(isMeant)) {
    policies.set(one.name, policy.parse(one.settings).permissions);
  }
  const users: Access['users'] = [];
  for (const one of (await partsOf(db, key, 'accessPolicyAssignment')).filter(isMeant)) {
    const { objectId, policy: name } = assignment.parse(one.settings);
    const isWhole = name === DATABASE_POLICY;
    const named = [...policies].find(([each]) => each.toLowerCase() === name.toLowerCase());
    if (!isWhole && named === undefined) continue;
    users.push({
      name: objectId,
      rules: isWhole || named === undefined ? null : policyRules(named[1]),
      tokens: await dataTokensOf(db, objectId, Date.now()),
    });
  }
  return { users };
}
