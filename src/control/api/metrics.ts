// Microsoft.Insights: the metrics of clusters and caches, and what metrics there are.

import { notFound } from '../model/arm-error.ts';
import {
  AGGREGATIONS,
  DIMENSIONS,
  type MetricDefinition,
  type MetricNamespace,
  metricsOf,
  ONLY_INSTANCE,
} from '../model/metric-definitions.ts';
import {
  GRAINS,
  type MetricsQuestion,
  pointsOf,
  readMetricsQuestion,
  type Sample,
} from '../model/metrics-query.ts';
import { KEPT_DAYS, samplesOf } from '../store/metric-samples.ts';
import { databasesOf, findCache, findCluster } from '../store/resources.ts';
import type { Db } from '../store/store.ts';
import { CLUSTER } from './clusters.ts';
import { type ApiParts, existingGroupOf } from './parts.ts';
import { type ApiRequest, ok, type Route, route } from './route.ts';

const CACHE =
  '/subscriptions/:subscription/resourceGroups/:resourceGroup/providers/Microsoft.Cache/redis/:cache';

/** What is measured of a resource. */
interface Measured {
  readonly id: string;
  readonly location: string;
  /** Of its samples; null: there can be none yet. */
  readonly runtime: string | null;
}

export function metricRoutes({ store }: ApiParts): Route[] {
  const clusters = async (request: ApiRequest): Promise<Measured> => {
    const cluster = await findCluster(store.db, request.scope);
    if (cluster === undefined) throw await absent(store.db, request);
    const [database] = await databasesOf(store.db, cluster.key);
    return {
      id: cluster.id,
      location: cluster.settings.location,
      runtime: database?.hosting.runtime ?? null,
    };
  };
  const caches = async (request: ApiRequest): Promise<Measured> => {
    const cache = await findCache(store.db, request.scope);
    if (cache === undefined) throw await absent(store.db, request);
    return { id: cache.id, location: cache.settings.location, runtime: cache.hosting.runtime };
  };
  return [
    ...routesOf(store.db, {
      ...{ path: CLUSTER, name: 'ForCluster', find: clusters },
      namespace: 'Microsoft.Cache/redisEnterprise',
    }),
    ...routesOf(store.db, {
      ...{ path: CACHE, name: 'ForCache', find: caches, namespace: 'Microsoft.Cache/redis' },
    }),
  ];
}

interface Kind {
  readonly path: string;
  readonly name: string;
  readonly namespace: MetricNamespace;
  readonly find: (request: ApiRequest) => Promise<Measured>;
}

function routesOf(db: Db, { path, name, namespace, find }: Kind): Route[] {
  return [
    route({
      method: 'GET',
      path: `${path}/providers/Microsoft.Insights/metricDefinitions`,
      operationId: `MetricDefinitions_List${name}`,
      summary: 'Metrics that there are.',
      action: 'Microsoft.Insights/metricDefinitions/read',
      handle: async (request) => {
        const { id } = await find(request);
        return ok({ value: metricsOf(namespace).map((one) => definitionView(id, namespace, one)) });
      },
    }),
    route({
      method: 'GET',
      path: `${path}/providers/Microsoft.Insights/metrics`,
      operationId: `Metrics_List${name}`,
      summary: `Values of metrics (metricnames, timespan, interval, aggregation, $filter), for ${KEPT_DAYS} days.`,
      action: 'Microsoft.Insights/metrics/read',
      handle: async (request) => {
        const measured = await find(request);
        const question = readMetricsQuestion(request.query, namespace, Date.now());
        const samples =
          measured.runtime === null || !question.hasData
            ? []
            : await samplesOf(db, measured.runtime, question);
        return ok(metricsView(question, namespace, { measured, samples }));
      },
    }),
  ];
}

async function absent(db: Db, request: ApiRequest) {
  await existingGroupOf(db, request);
  return notFound(request.scope);
}

function metricsView(
  question: MetricsQuestion,
  namespace: MetricNamespace,
  { measured, samples }: { measured: Measured; samples: readonly Sample[] },
): object {
  const { fromMs, toMs, interval, metrics } = question;
  const times = [fromMs, toMs].map((ms) => new Date(ms).toISOString());
  return {
    cost: Math.ceil((toMs - fromMs) / 60_000) * metrics.length,
    timespan: times.join('/'),
    ...{ interval, namespace, resourceregion: measured.location.replaceAll(' ', '') },
    value: metrics.map((metric) => ({
      id: `${measured.id}/providers/Microsoft.Insights/metrics/${metric.name}`,
      type: 'Microsoft.Insights/metrics',
      name: { value: metric.name, localizedValue: metric.title },
      ...{ displayDescription: metric.description, unit: metric.unit },
      errorCode: 'Success',
      timeseries: seriesOf(question, metric, samples),
    })),
  };
}

function seriesOf(
  question: MetricsQuestion,
  metric: MetricDefinition,
  samples: readonly Sample[],
): object[] {
  if (question.isElsewhere) return [];
  const { dimension } = question;
  const name =
    dimension === null
      ? null
      : { value: dimension.toLowerCase(), localizedValue: dimension.toLowerCase() };
  return [
    {
      metadatavalues: name === null ? [] : [{ name, value: ONLY_INSTANCE }],
      data: question.hasData ? pointsOf(question, metric, samples) : [],
    },
  ];
}

function definitionView(
  resourceId: string,
  namespace: MetricNamespace,
  { name, title, description, unit, primary }: MetricDefinition,
): object {
  const dimension = DIMENSIONS[namespace];
  return {
    id: `${resourceId}/providers/microsoft.insights/metricdefinitions/${name}`,
    ...{ resourceId, namespace, name: { value: name, localizedValue: title } },
    ...{ displayDescription: description, isDimensionRequired: false, unit },
    primaryAggregationType: primary,
    supportedAggregationTypes: AGGREGATIONS,
    metricAvailabilities: GRAINS.map((timeGrain) => ({ timeGrain, retention: `P${KEPT_DAYS}D` })),
    dimensions: [{ value: dimension, localizedValue: dimension }],
  };
}
