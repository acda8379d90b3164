// Locations: regions as Azure shows them.

import { OperatorError } from '../../base/errors.ts';
import { REGIONS, regionNamed } from '../../group/regions.ts';
import { ArmError } from './arm-error.ts';

/** Parts of region names, as they are written. The first that fits counts. */
const WORDS: readonly (readonly [string, string])[] = [
  ['southeast', 'Southeast'],
  ['southafrica', 'South Africa'],
  ['newzealand', 'New Zealand'],
  ['uae', 'UAE'],
  ['uk', 'UK'],
  ['us', 'US'],
];
const PLAIN_WORDS = [
  ...['australia', 'austria', 'belgium', 'brazil', 'canada', 'chile', 'france', 'germany', 'india'],
  ...['indonesia', 'israel', 'italy', 'japan', 'jio', 'korea', 'malaysia', 'mexico', 'norway'],
  ...['poland', 'qatar', 'spain', 'sweden', 'switzerland', 'asia', 'europe'],
  ...['north', 'south', 'east', 'west', 'central'],
];

/** "East US" for eastus. */
export function displayName(region: string): string {
  const words: string[] = [];
  let rest = region;
  while (rest !== '') {
    // Australia, not an Au that is followed by the US.
    const plain = PLAIN_WORDS.filter((word) => rest.startsWith(word)).sort(
      (a, b) => b.length - a.length,
    )[0];
    const special = WORDS.find(([part]) => rest.startsWith(part));
    const [part, word] = special ?? [plain ?? rest, capitalized(plain ?? rest)];
    words.push(word);
    rest = rest.slice(part.length);
  }
  return words.join(' ');
}

function capitalized(word: string): string {
  return word.slice(0, 1).toUpperCase() + word.slice(1);
}

export const ALL_LOCATIONS: readonly string[] = Object.keys(REGIONS);

/** The region that is meant by a location in a request. Throws ArmError when there is none. */
export function locationNamed(text: string): string {
  try {
    return regionNamed(text);
  } catch (error) {
    if (!(error instanceof OperatorError)) throw error;
    const message = `The location '${text.slice(0, 60)}' does not exist. ${error.action}`;
    throw new ArmError(400, 'LocationNotAvailableForResourceType', message, { target: 'location' });
  }
}
