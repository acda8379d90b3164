// Export and import of what a database or a cache holds. An export that is cut short begins again under the same
// name. An import first reads its files to their ends, then empties the cache (of a group: all its members), then
// writes the keys; cut short, it goes on with the step that it was at, and writing a key again changes nothing.

import { z } from 'zod';
import { assert } from '../../base/assert.ts';
import { exportData } from '../data/export.ts';
import { checkFiles, loadFiles } from '../data/import.ts';
import { type DataPlaces, type Place, shownPlace } from '../data/places.ts';
import { atRest, findCache } from '../store/resources.ts';
import type { Sealer } from '../store/sealing.ts';
import type { Change } from '../store/store.ts';
import { allAtRest, type OperationParts } from './database-operations.ts';
import type { Definition, StepContext } from './runner.ts';
import { runsAs } from './running.ts';

export interface DataParts extends OperationParts {
  readonly places: DataPlaces;
}

/** URLs are sealed: what they are signed with is a secret. */
export const exportInput = z.object({ sealed: z.string(), fileName: z.string() });
export const importInput = z.object({ sealed: z.string() });
const sealedUris = z.array(z.string());

/** Reading the files to their ends is so much of an import. */
const CHECK_PERCENT = 30;
const REPORT_EVERY_MS = 500;

export function sealUris(sealer: Sealer, uris: readonly string[], key: string): string {
  return sealer.seal(JSON.stringify(uris), key);
}

export function exportOf(parts: DataParts): Definition {
  const { store, hosting, plans, places } = parts;
  return {
    steps: [
      {
        name: 'export',
        run: async ({ operation, signal, report }) => {
          const { sealed, fileName } = exportInput.parse(operation.input);
          const [place] = placesOf(parts, sealed, operation.targetKey);
          assert(place !== undefined, 'an export has a place');
          const target = places.target(place, fileName);
          const { plan, group } = await runsAs(store.db, plans, operation.targetKey);
          const engine = await hosting.endpointOf(group, plan);
          const bytes = await exportData({ engine, target, signal });
          await report({ percent: 100, result: { file: shownPlace(target), bytes } });
        },
      },
    ],
    succeeded: (change, { targetKey }) => atRest(change, targetKey),
    failed: (change, { targetKey }) => atRest(change, targetKey),
  };
}

export function importOf(parts: DataParts): Definition {
  const { store, hosting, plans, places } = parts;
  const about = async ({ operation }: StepContext) => {
    const { sealed } = importInput.parse(operation.input);
    const runs = await runsAs(store.db, plans, operation.targetKey);
    const sources = placesOf(parts, sealed, operation.targetKey).map((one) => places.source(one));
    return { ...runs, sources, engine: await hosting.endpointOf(runs.group, runs.plan) };
  };
  return {
    steps: [
      {
        name: 'check',
        run: async (context) => {
          const { engine, sources } = await about(context);
          const onProgress = percentOf(context, 0, CHECK_PERCENT);
          await checkFiles({ engine, sources, signal: context.signal, onProgress });
        },
      },
      {
        name: 'empty',
        run: async (context) => {
          const { plan, group } = await about(context);
          if (group === null) await hosting.flushEngine(plan);
          else await hosting.flushGroup(group);
        },
      },
      {
        name: 'load',
        run: async (context) => {
          const { engine, sources, group, plan } = await about(context);
          const settle = group === null ? null : () => hosting.settleWrites(group, plan);
          const onProgress = percentOf(context, CHECK_PERCENT, 100);
          const { signal, report } = context;
          const { keys, bytes } = await loadFiles({ engine, sources, signal, onProgress, settle });
          await report({ percent: 100, result: { keys, bytes } });
        },
      },
    ],
    succeeded: (change, { targetKey }) => everythingAtRest(change, targetKey),
    failed: (change, { targetKey }) => everythingAtRest(change, targetKey),
  };
}

function placesOf({ plans, places }: DataParts, sealed: string, key: string): Place[] {
  const uris = sealedUris.parse(JSON.parse(plans.sealer.unseal(sealed, key)));
  return uris.map((uri) => places.judge(uri, 'uri'));
}

/** Told how much of a part is done, says how much that is of all; not at every call. */
function percentOf({ report }: StepContext, from: number, to: number): (part: number) => void {
  let saidMs = 0;
  return (part) => {
    if (performance.now() - saidMs < REPORT_EVERY_MS) return;
    saidMs = performance.now();
    // Nobody is helped when an import fails because its progress could not be told.
    report({ percent: from + (to - from) * part }).catch(() => undefined);
  };
}

async function everythingAtRest(change: Change, key: string): Promise<void> {
  if ((await findCache(change, key)) === undefined) await allAtRest(change, key);
  else await atRest(change, key);
}
