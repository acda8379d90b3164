// Sizes of caches: what a SKU is called, how much memory it stands for, and what it may be used for.

import type { Violation } from './arm-error.ts';

export type EnterpriseFamily =
  | 'Enterprise'
  | 'EnterpriseFlash'
  | 'Balanced'
  | 'MemoryOptimized'
  | 'ComputeOptimized'
  | 'FlashOptimized';

export interface EnterpriseSku {
  readonly name: string;
  readonly family: EnterpriseFamily;
  readonly sizeGB: number;
}

/** Per family the prefix of its names and, by the number in the name, the size in GB. */
const FAMILIES: readonly {
  family: EnterpriseFamily;
  prefix: string;
  sizes: Readonly<Record<string, number>>;
}[] = [
  {
    family: 'Enterprise',
    prefix: 'Enterprise_E',
    sizes: { 1: 1, 5: 4, 10: 12, 20: 25, 50: 50, 100: 100, 200: 200, 400: 400 },
  },
  {
    family: 'EnterpriseFlash',
    prefix: 'EnterpriseFlash_F',
    sizes: { 300: 345, 700: 715, 1500: 1455 },
  },
  {
    family: 'Balanced',
    prefix: 'Balanced_B',
    sizes: {
      ...{ 0: 0.5, 1: 1, 3: 3, 5: 6, 10: 12, 20: 24, 50: 60, 100: 120, 150: 180 },
      ...{ 250: 240, 350: 360, 500: 480, 700: 720, 1000: 960 },
    },
  },
  {
    family: 'MemoryOptimized',
    prefix: 'MemoryOptimized_M',
    sizes: {
      ...{ 10: 12, 20: 24, 50: 60, 100: 120, 150: 175, 250: 240, 350: 360, 500: 480 },
      ...{ 700: 720, 1000: 960, 1500: 1440, 2000: 1920 },
    },
  },
  {
    family: 'ComputeOptimized',
    prefix: 'ComputeOptimized_X',
    sizes: {
      ...{ 3: 3, 5: 6, 10: 12, 20: 24, 50: 60, 100: 120, 150: 180, 250: 240, 350: 360 },
      ...{ 500: 480, 700: 720 },
    },
  },
  {
    family: 'FlashOptimized',
    prefix: 'FlashOptimized_A',
    sizes: { 250: 240, 500: 480, 700: 720, 1000: 960, 1500: 1440, 2000: 1920, 4500: 4500 },
  },
];

export const ENTERPRISE_SKUS: readonly EnterpriseSku[] = FAMILIES.flatMap(
  ({ family, prefix, sizes }) =>
    Object.entries(sizes).map(([number, sizeGB]) => ({
      name: `${prefix}${number}`,
      family,
      sizeGB,
    })),
);

/** By name, whatever its case; undefined: there is none. */
export function enterpriseSku(name: string): EnterpriseSku | undefined {
  const wanted = name.toLowerCase();
  return ENTERPRISE_SKUS.find((sku) => sku.name.toLowerCase() === wanted);
}

/** The capacities that a family has; null: it has none, and none may be given. */
export function capacitiesOf(family: EnterpriseFamily): readonly number[] | null {
  if (family === 'Enterprise') return [2, 4, 6, 8, 10];
  if (family === 'EnterpriseFlash') return [3, 9];
  return null;
}

/** The generation that Azure calls kind. */
export function kindOf(family: EnterpriseFamily): 'v1' | 'v2' {
  return family === 'Enterprise' || family === 'EnterpriseFlash' ? 'v1' : 'v2';
}

/** What clients may fill in all. */
export function totalSizeGB(sku: EnterpriseSku, capacity: number | null): number {
  const smallest = capacitiesOf(sku.family)?.[0];
  if (smallest === undefined || capacity === null) return sku.sizeGB;
  return (sku.sizeGB * capacity) / smallest;
}

export interface ClusterSku {
  readonly name: string;
  readonly capacity: number | null;
}

/** R055: what is wrong with the SKU of a request. */
export function checkEnterpriseSku(sku: ClusterSku): Violation[] {
  const found = enterpriseSku(sku.name);
  if (found === undefined) {
    const names = ENTERPRISE_SKUS.map(({ name }) => name);
    return [
      {
        rule: 'SkuUnknown',
        requirement: 'R055',
        field: 'sku.name',
        value: sku.name.slice(0, 60),
        required: names,
        message: `There is no SKU '${sku.name.slice(0, 60)}'. SKUs are ${names.join(', ')}.`,
      },
    ];
  }
  const capacities = capacitiesOf(found.family);
  const isRight =
    capacities === null
      ? sku.capacity === null
      : sku.capacity === null || capacities.includes(sku.capacity);
  if (isRight) return [];
  const message =
    capacities === null
      ? `SKU ${found.name} has no capacity, but sku.capacity is ${sku.capacity}.`
      : `The capacity of SKU ${found.name} is one of ${capacities.join(', ')}, not ${sku.capacity}.`;
  return [
    {
      rule: 'CapacityInvalid',
      requirement: 'R055',
      field: 'sku.capacity',
      value: sku.capacity,
      required: capacities === null ? null : capacities.map(String),
      message,
    },
  ];
}

/** R011: whether a SKU can have active geo-replication, and why not. */
export function geoTierProblem(sku: EnterpriseSku): string | null {
  if (sku.family === 'FlashOptimized') return 'its data is on flash';
  if (sku.name === 'Balanced_B0' || sku.name === 'Balanced_B1') return 'it is too small';
  return null;
}

/** Sizes in GB of the caches of the classes Basic and Standard (C) and Premium (P), by capacity. */
const CACHE_SIZES_GB = {
  C: [0.25, 1, 2.5, 6, 13, 26, 53],
  P: [undefined, 6, 13, 26, 53, 120],
} as const;

export type CacheFamily = keyof typeof CACHE_SIZES_GB;

/** null: there is no such size. */
export function cacheSizeGB(family: CacheFamily, capacity: number): number | null {
  return CACHE_SIZES_GB[family][capacity] ?? null;
}

const MEBIBYTE = 1024 * 1024;

/** `development`: a gigabyte counts as 4 MiB, and there are 32 MiB at least. */
export type Sizing = 'full' | 'development';

/** The limit of an engine's memory. */
export function memoryLimitBytes(sizeGB: number, sizing: Sizing): number {
  if (sizing === 'full') return Math.round(sizeGB * 1024 * MEBIBYTE);
  return Math.max(32, Math.round(sizeGB * 4)) * MEBIBYTE;
}
