// Whether all regions show the same of a key, which one does not, and why that may be: pure, from what
// they answered.

import type { KeyReading } from './key-reading.ts';
import type { RegionView, ReplicatorView } from './key-survey.ts';

/** In what a region's key differs from the others'. */
export type Difference = 'presence' | 'type' | 'value' | 'expiry';

export interface Verdict {
  readonly kind: 'same' | 'differs' | 'unknown';
  /** In words. */
  readonly text: string;
  readonly differing: readonly { readonly region: string; readonly in: readonly Difference[] }[];
  /** What is under way, or keeps regions apart. */
  readonly reasons: readonly string[];
}

interface Answer {
  readonly region: string;
  readonly reading: KeyReading;
}

/** Less is no difference that a client could tell. */
const EXPIRY_TOLERANCE_MS = 10;

export function compareRegions(views: readonly RegionView[]): Verdict {
  const answers = views.flatMap(({ region, engine }): Answer[] =>
    'error' in engine ? [] : [{ region, reading: engine }],
  );
  const reference = commonest(answers);
  const differing = answers.flatMap(({ region, reading }) => {
    const differences = reference === undefined ? [] : differencesOf(reading, reference);
    return differences.length > 0 ? [{ region, in: differences }] : [];
  });
  const isSame = differing.length === 0;
  const reasons = reasonsFor(views, isSame);
  if (answers.length < 2) {
    const text = `${answers.length} of ${views.length} regions answer: nothing to compare`;
    return {
      kind: 'unknown',
      text: views.length === 1 ? 'the only region' : text,
      differing,
      reasons,
    };
  }
  const text = isSame ? sameText(views, answers) : differsText(answers, differing);
  return { kind: isSame ? 'same' : 'differs', text, differing, reasons };
}

/** What two readings differ in; a value that was too large to be read counts by its length. */
export function differencesOf(a: KeyReading, b: KeyReading): Difference[] {
  if ((a.type === 'none') !== (b.type === 'none')) return ['presence'];
  if (a.type !== b.type) return ['type'];
  const differences: Difference[] = [];
  const isRead = a.digest !== null && b.digest !== null;
  if (isRead ? a.digest !== b.digest : a.length !== b.length) differences.push('value');
  const [here, there] = [a.expiresAtMs ?? Infinity, b.expiresAtMs ?? Infinity];
  if (here !== there && !(Math.abs(here - there) <= EXPIRY_TOLERANCE_MS))
    differences.push('expiry');
  return differences;
}

/** The reading that most regions agree with. */
function commonest(answers: readonly Answer[]): KeyReading | undefined {
  const agreeing = ({ reading }: Answer) =>
    answers.filter((other) => differencesOf(reading, other.reading).length === 0).length;
  return answers.toSorted((a, b) => agreeing(b) - agreeing(a))[0]?.reading;
}

function sameText(views: readonly RegionView[], answers: readonly Answer[]): string {
  const everywhere = answers.length === views.length;
  const where = everywhere ? 'everywhere' : `in ${names(answers)}; the others do not answer`;
  const isLarge = answers.some(({ reading }) => reading.type !== 'none' && reading.digest === null);
  return `same ${where}${isLarge ? ' (too large to be read: only type, length and expiry were compared)' : ''}`;
}

function differsText(answers: readonly Answer[], differing: Verdict['differing']): string {
  const agreeing = answers.filter(({ region }) => !differing.some((d) => d.region === region));
  const parts = differing.map((difference) => {
    if (!difference.in.includes('presence')) {
      return `${difference.region} has another ${difference.in.join(' and ')}`;
    }
    const own = answers.find(({ region }) => region === difference.region);
    return `${difference.region} has ${own?.reading.type === 'none' ? 'no such key' : 'the key'}`;
  });
  return `differs: ${parts.join(', ')} (compared with ${names(agreeing)})`;
}

function names(answers: readonly Answer[]): string {
  return answers.map(({ region }) => region).join(' and ');
}

function reasonsFor(views: readonly RegionView[], isSame: boolean): string[] {
  const replicators = views.flatMap(({ replicator }) =>
    'error' in replicator ? [] : [replicator],
  );
  const reasons = [...linkReasons(replicators), ...replicators.flatMap(ownReasons)];
  if (reasons.length > 0 || isSame || replicators.length < views.length) return reasons;
  return [
    'nothing is on its way, so this will stay: write the key once more in the region that is right, ' +
      'and look for "an applied command was refused" and errors in the replicator logs',
  ];
}

/** Links that are down; each once, though both ends tell of it. */
function linkReasons(replicators: readonly ReplicatorView[]): string[] {
  const found = new Map<string, string>();
  for (const { status } of replicators) {
    for (const peer of status.peers) {
      if (peer.connected && !peer.cut) continue;
      const [a = '', b = ''] = [status.region, peer.region].sort();
      const what = peer.cut
        ? `no traffic between ${a} and ${b}: cut; \`atoll local heal\` ends that`
        : `no link between ${a} and ${b}: ${peer.lastError ?? 'not connected'}`;
      const known = found.get(`${a} ${b}`);
      if (known === undefined || peer.cut) found.set(`${a} ${b}`, what);
    }
  }
  return [...found.values()];
}

function ownReasons({ key, status }: ReplicatorView): string[] {
  const { region } = key;
  const reasons: string[] = [];
  if (!status.engine.up) reasons.push(`${region}: its replicator has no connection to the engine`);
  if (key.pendingOps > 0) {
    const ops = key.pendingOps === 1 ? '1 op' : `${key.pendingOps} ops`;
    const last = key.lastWriter === null ? '' : `, the newest from ${key.lastWriter.region}`;
    reasons.push(`${region}: ${ops} on the key not confirmed by all${last}`);
  }
  if (key.waiting > 0) reasons.push(`${region}: ${key.waiting} ops of peers not applied yet`);
  if (key.heldBack) reasons.push(`${region}: a DEL is held back by a change of the expiry`);
  if (key.holdsUnknown && key.merged) {
    reasons.push(`${region}: concurrent writes without a rule; the newest writer ships its value`);
  }
  return reasons;
}
