// The regions that a cache can be in, and how far apart they are.
//
// Names are those of Azure's public regions. A round trip is estimated from the great-circle
// distance; cables do not follow it, so pairs that are known better are listed with their own value.

import { OperatorError } from '../base/errors.ts';

/** Latitude and longitude in degrees. */
type Coordinates = readonly [number, number];

export const REGIONS: Readonly<Record<string, Coordinates>> = {
  australiacentral: [-35.31, 149.12],
  australiacentral2: [-35.31, 149.12],
  australiaeast: [-33.86, 151.21],
  australiasoutheast: [-37.81, 144.96],
  austriaeast: [48.21, 16.37],
  belgiumcentral: [50.85, 4.35],
  brazilsouth: [-23.55, -46.63],
  brazilsoutheast: [-22.9, -43.21],
  canadacentral: [43.65, -79.38],
  canadaeast: [46.82, -71.22],
  centralindia: [18.58, 73.92],
  centralus: [41.59, -93.62],
  chilecentral: [-33.45, -70.67],
  eastasia: [22.27, 114.19],
  eastus: [37.37, -79.82],
  eastus2: [36.67, -78.39],
  francecentral: [46.38, 2.37],
  francesouth: [43.83, 2.2],
  germanynorth: [53.07, 8.81],
  germanywestcentral: [50.11, 8.68],
  indonesiacentral: [-6.2, 106.82],
  israelcentral: [31.27, 33.45],
  italynorth: [45.47, 9.18],
  japaneast: [35.68, 139.77],
  japanwest: [34.69, 135.5],
  jioindiacentral: [21.15, 79.09],
  jioindiawest: [22.47, 70.06],
  koreacentral: [37.57, 126.98],
  koreasouth: [35.18, 129.08],
  malaysiawest: [3.14, 101.69],
  mexicocentral: [20.59, -100.39],
  newzealandnorth: [-36.85, 174.76],
  northcentralus: [41.88, -87.63],
  northeurope: [53.35, -6.26],
  norwayeast: [59.91, 10.75],
  norwaywest: [58.97, 5.73],
  polandcentral: [52.23, 21.02],
  qatarcentral: [25.55, 51.44],
  southafricanorth: [-25.73, 28.22],
  southafricawest: [-34.08, 18.84],
  southcentralus: [29.42, -98.5],
  southeastasia: [1.28, 103.83],
  southindia: [12.98, 80.16],
  spaincentral: [40.43, -3.42],
  swedencentral: [60.67, 17.14],
  switzerlandnorth: [47.45, 8.56],
  switzerlandwest: [46.2, 6.14],
  uaecentral: [24.47, 54.37],
  uaenorth: [25.27, 55.32],
  uksouth: [50.94, -0.8],
  ukwest: [53.43, -3.08],
  westcentralus: [40.89, -110.23],
  westeurope: [52.37, 4.9],
  westindia: [19.09, 72.87],
  westus: [37.78, -122.42],
  westus2: [47.23, -119.85],
  westus3: [33.45, -112.07],
};

/** Round trips in ms between regions (names in alphabetical order) that are known better. */
const KNOWN_ROUND_TRIPS_MS: Readonly<Record<string, number>> = {
  'eastus westeurope': 80,
  'eastus japaneast': 150,
  'japaneast westeurope': 220,
};

const EARTH_RADIUS_KM = 6_371;
/** Fitted to the known pairs: light in fibre needs 0.0098 ms per km both ways, plus detours. */
const ROUND_TRIP_MS_PER_KM = 0.0135;
const SHORTEST_ROUND_TRIP_MS = 2;
const GROUP_REGIONS_MAX = 5;

/** The name as the table has it: "East US" and "EastUS" are eastus. Throws when there is none. */
export function regionNamed(name: string): string {
  const plain = name.toLowerCase().replace(/[\s_-]/g, '');
  if (Object.hasOwn(REGIONS, plain)) return plain;
  const near = regionsLike(plain);
  const action =
    near.length > 0
      ? `Did you mean ${near.join(', ')}?`
      : `Regions are, for example, eastus, westeurope, japaneast; all: ${Object.keys(REGIONS).join(', ')}.`;
  throw new OperatorError('REGION_UNKNOWN', `unknown region "${name}"`, action);
}

/** The regions of a group, checked: known, different, at most five. */
export function groupRegions(names: readonly string[]): string[] {
  const regions = names.map(regionNamed);
  const twice = regions.find((region, index) => regions.indexOf(region) !== index);
  if (twice !== undefined) {
    const message = `region ${twice} is named twice`;
    throw new OperatorError('REGION_TWICE', message, 'A group has one member in each region.');
  }
  if (regions.length === 0 || regions.length > GROUP_REGIONS_MAX) {
    const message = `a group cannot have ${regions.length} regions`;
    throw new OperatorError('REGION_COUNT', message, `Name one to ${GROUP_REGIONS_MAX} regions.`);
  }
  return regions;
}

/** Estimated round trip between two regions, ms. */
export function roundTripMs(a: string, b: string): number {
  if (a === b) return SHORTEST_ROUND_TRIP_MS;
  const known = KNOWN_ROUND_TRIPS_MS[[a, b].sort().join(' ')];
  if (known !== undefined) return known;
  const distanceMs = distanceKm(coordinates(a), coordinates(b)) * ROUND_TRIP_MS_PER_KM;
  return Math.round(SHORTEST_ROUND_TRIP_MS + distanceMs);
}

function coordinates(region: string): Coordinates {
  return REGIONS[regionNamed(region)]!;
}

function distanceKm(a: Coordinates, b: Coordinates): number {
  const [latitudeA, longitudeA] = [radians(a[0]), radians(a[1])];
  const [latitudeB, longitudeB] = [radians(b[0]), radians(b[1])];
  const haversine =
    Math.sin((latitudeB - latitudeA) / 2) ** 2 +
    Math.cos(latitudeA) * Math.cos(latitudeB) * Math.sin((longitudeB - longitudeA) / 2) ** 2;
  return 2 * EARTH_RADIUS_KM * Math.asin(Math.sqrt(haversine));
}

function radians(degrees: number): number {
  return (degrees * Math.PI) / 180;
}

function regionsLike(name: string): string[] {
  const scored = Object.keys(REGIONS).map((region) => {
    const contains = name.length >= 3 && (region.includes(name) || name.includes(region));
    return { region, distance: contains ? 1 : editDistance(name, region) };
  });
  const near = scored.filter((entry) => entry.distance <= 3);
  near.sort((a, b) => a.distance - b.distance || a.region.localeCompare(b.region));
  return near.slice(0, 5).map((entry) => entry.region);
}

/** Levenshtein distance. */
function editDistance(a: string, b: string): number {
  let previous = Array.from({ length: b.length + 1 }, (_, index) => index);
  for (let i = 1; i <= a.length; i++) {
    const row = [i];
    for (let j = 1; j <= b.length; j++) {
      const replaced = previous[j - 1]! + (a[i - 1] === b[j - 1] ? 0 : 1);
      row.push(Math.min(previous[j]! + 1, row[j - 1]! + 1, replaced));
    }
    previous = row;
  }
  return previous[b.length]!;
}
