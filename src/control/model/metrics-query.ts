// A question about metrics as Azure Monitor takes it, and its answer from samples.

import { badRequest } from './arm-error.ts';
import {
  AGGREGATIONS,
  type Aggregation,
  DIMENSIONS,
  type MetricDefinition,
  type MetricNamespace,
  metricsOf,
  ONLY_INSTANCE,
} from './metric-definitions.ts';

const MINUTE_MS = 60_000;
const GRAINS_MS: Readonly<Record<string, number>> = {
  PT1M: MINUTE_MS,
  PT5M: 5 * MINUTE_MS,
  PT15M: 15 * MINUTE_MS,
  PT30M: 30 * MINUTE_MS,
  PT1H: 60 * MINUTE_MS,
  PT6H: 360 * MINUTE_MS,
  PT12H: 720 * MINUTE_MS,
  P1D: 1_440 * MINUTE_MS,
};
export const GRAINS = Object.keys(GRAINS_MS);
const DEFAULT_SPAN_MS = 60 * MINUTE_MS;
const METRICS_MAX = 20;
/** Of all metrics together. */
const POINTS_MAX = 50_000;
const DAY_MS = 86_400_000;
const SPAN_MAX_MS = 93 * DAY_MS;

export interface MetricsQuestion {
  readonly metrics: readonly MetricDefinition[];
  readonly fromMs: number;
  readonly toMs: number;
  /** As it was given, and as answers repeat it. */
  readonly interval: string;
  readonly grainMs: number;
  /** null: of each metric its own. */
  readonly aggregations: readonly Aggregation[] | null;
  /** Values of a dimension are told apart: there is one of each. */
  readonly dimension: string | null;
  /** What was asked for is of another instance: there is none. */
  readonly isElsewhere: boolean;
  readonly hasData: boolean;
}

/** Throws ArmError. */
export function readMetricsQuestion(
  query: Readonly<Record<string, unknown>>,
  namespace: MetricNamespace,
  nowMs: number,
): MetricsQuestion {
  const text = (name: string): string | undefined => {
    const found = Object.entries(query).find(([one]) => one.toLowerCase() === name.toLowerCase());
    const value = found?.[1];
    return value === undefined || value === '' ? undefined : decodedTwice(String(value));
  };
  checkNamespace(text('metricnamespace'), namespace);
  const metrics = readNames(text('metricnames'), namespace);
  const { fromMs, toMs } = readTimespan(text('timespan'), nowMs);
  const interval = text('interval')?.toUpperCase() ?? 'PT1M';
  const grainMs = interval === 'FULL' ? Math.max(1, toMs - fromMs) : GRAINS_MS[interval];
  if (grainMs === undefined) {
    throw badRequest(`interval: '${interval.slice(0, 40)}' is none of ${GRAINS.join(', ')}, FULL.`);
  }
  const points = metrics.length * Math.ceil((toMs - fromMs) / grainMs);
  if (points > POINTS_MAX) {
    throw badRequest(
      `That would be ${points} values, more than ${POINTS_MAX}: ask for a shorter timespan, a longer interval or fewer metrics.`,
    );
  }
  return {
    ...{ metrics, fromMs, toMs, interval, grainMs },
    aggregations: readAggregations(text('aggregation')),
    ...readFilter(text('$filter'), namespace),
    hasData: text('resultType')?.toLowerCase() !== 'metadata',
  };
}

/** Some clients encode twice. */
function decodedTwice(text: string): string {
  try {
    return text.includes('%') ? decodeURIComponent(text) : text;
  } catch {
    return text;
  }
}

function checkNamespace(given: string | undefined, namespace: MetricNamespace): void {
  if (given === undefined || given.toLowerCase() === namespace.toLowerCase()) return;
  throw badRequest(`metricnamespace: '${given.slice(0, 60)}' is not ${namespace}.`);
}

/** Without names, the first. */
function readNames(given: string | undefined, namespace: MetricNamespace): MetricDefinition[] {
  const all = metricsOf(namespace);
  if (given === undefined) return all.slice(0, 1);
  const names = [...new Set(given.split(',').map((name) => name.trim().toLowerCase()))];
  if (names.length > METRICS_MAX) throw badRequest(`metricnames: more than ${METRICS_MAX}.`);
  return names.map((name) => {
    const found = all.find((one) => one.name.toLowerCase() === name);
    if (found !== undefined) return found;
    const valid = all.map((one) => one.name).join(',');
    throw badRequest(
      `Failed to find metric configuration for provider: Microsoft.Cache, resource Type: ${namespace.split('/')[1]}, metric: ${name.slice(0, 60)}, Valid metrics: ${valid}`,
      'metricnames',
    );
  });
}

function readAggregations(given: string | undefined): Aggregation[] | null {
  if (given === undefined || given.toLowerCase() === 'none') return null;
  return given.split(',').map((name) => {
    const found = AGGREGATIONS.find((one) => one.toLowerCase() === name.trim().toLowerCase());
    if (found !== undefined) return found;
    throw badRequest(
      `aggregation: '${name.slice(0, 40)}' is none of ${AGGREGATIONS.join(', ')}.`,
      'aggregation',
    );
  });
}

function readFilter(given: string | undefined, namespace: MetricNamespace) {
  if (given === undefined) return { dimension: null, isElsewhere: false };
  const dimension = DIMENSIONS[namespace];
  const [, name, value] = /^\s*(\w+)\s+eq\s+'([^']*)'\s*$/i.exec(given) ?? [];
  if (name?.toLowerCase() !== dimension.toLowerCase()) {
    throw badRequest(`$filter: only ${dimension} eq '...' is known here.`, '$filter');
  }
  return { dimension, isElsewhere: value !== '*' && value !== ONLY_INSTANCE };
}

/** from/to, from/duration, duration/to, or a duration up to now; without one, the last hour. */
export function readTimespan(
  given: string | undefined,
  nowMs: number,
): { fromMs: number; toMs: number } {
  if (given === undefined) return { fromMs: nowMs - DEFAULT_SPAN_MS, toMs: nowMs };
  const [first = '', second] = given.trim().split('/');
  const [firstMs, secondMs] = [durationMs(first), second === undefined ? null : durationMs(second)];
  const span = { fromMs: Number.NaN, toMs: Number.NaN };
  if (second === undefined) {
    if (firstMs !== null) Object.assign(span, { fromMs: nowMs - firstMs, toMs: nowMs });
  } else if (secondMs !== null) {
    Object.assign(span, { fromMs: timeMs(first), toMs: timeMs(first) + secondMs });
  } else {
    const toMs = timeMs(second);
    Object.assign(span, { fromMs: firstMs === null ? timeMs(first) : toMs - firstMs, toMs });
  }
  if (Number.isNaN(span.fromMs) || Number.isNaN(span.toMs) || span.fromMs >= span.toMs) {
    throw badRequest(
      `timespan: '${given.slice(0, 80)}' is none, as in 2026-01-01T00:00:00Z/2026-01-01T01:00:00Z or PT1H.`,
      'timespan',
    );
  }
  if (span.toMs - span.fromMs > SPAN_MAX_MS) {
    throw badRequest(`timespan: longer than ${SPAN_MAX_MS / DAY_MS} days.`, 'timespan');
  }
  return span;
}

function durationMs(text: string): number | null {
  const [all, days = 0, hours = 0, minutes = 0, seconds = 0] =
    /^P(?:(\d{1,6})D)?(?:T(?:(\d{1,6})H)?(?:(\d{1,6})M)?(?:(\d{1,6})S)?)?$/i.exec(text.trim()) ??
    [];
  if (all === undefined || /[PT]$/i.test(all)) return null;
  return (
    Number(days) * DAY_MS +
    Number(hours) * 3_600_000 +
    Number(minutes) * MINUTE_MS +
    Number(seconds) * 1_000
  );
}

/** Times without a zone are UTC; the plus of a zone may have become a space on its way. */
function timeMs(text: string): number {
  const [, time, zone = 'Z'] =
    /^(\d{4}-\d{2}-\d{2}(?:T\d{2}:\d{2}(?::\d{2}(?:\.\d{1,9})?)?)?)(Z|[+ -]\d{2}:?\d{2})?$/i.exec(
      text.trim(),
    ) ?? [];
  if (time === undefined) return Number.NaN;
  const full = time.includes('T') ? time : `${time}T00:00`;
  const [, sign, hours, minutes] = /^([+ -])(\d{2}):?(\d{2})$/.exec(zone) ?? [];
  const offset = sign === undefined ? 'Z' : `${sign === '-' ? '-' : '+'}${hours}:${minutes}`;
  return Date.parse(full + offset);
}

export interface Sample {
  readonly atMs: number;
  readonly readings: Readonly<Record<string, number>>;
}

/** One for each interval of the timespan, the times without a sample among them. */
export function pointsOf(
  question: MetricsQuestion,
  { name, primary }: MetricDefinition,
  samples: readonly Sample[],
): object[] {
  const { fromMs, toMs, grainMs, interval } = question;
  const firstMs = interval === 'FULL' ? fromMs : Math.floor(fromMs / grainMs) * grainMs;
  const values = new Map<number, number[]>();
  for (const { atMs, readings } of samples) {
    const value = readings[name];
    if (value === undefined) continue;
    const place = Math.floor((atMs - firstMs) / grainMs);
    const there = values.get(place);
    if (there === undefined) values.set(place, [value]);
    else there.push(value);
  }
  const wanted = question.aggregations ?? [primary];
  const points: object[] = [];
  for (let place = 0; firstMs + place * grainMs < toMs; place++) {
    const timeStamp = new Date(firstMs + place * grainMs).toISOString();
    points.push({ timeStamp, ...aggregated(values.get(place) ?? [], wanted) });
  }
  return points;
}

function aggregated(values: readonly number[], wanted: readonly Aggregation[]) {
  if (values.length === 0) return {};
  const total = values.reduce((sum, value) => sum + value, 0);
  const all: Readonly<Record<Aggregation, number>> = {
    Average: total / values.length,
    Minimum: Math.min(...values),
    Maximum: Math.max(...values),
    Total: total,
    Count: values.length,
  };
  return Object.fromEntries(wanted.map((one) => [one.toLowerCase(), all[one]]));
}
