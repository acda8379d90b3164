// How long each part of the benchmark takes: the full plan some forty minutes, the quick one about six.
// The quick plan shows the same rows with more noise.

export interface Plan {
  /** Of each of two loads: flat out, and at this pace. */
  warmUp: { seconds: number; writesPerSecond: number };
  throughput: { rounds: number; seconds: number };
  /** Rounds of the load that targets speak of, and of every other. */
  lag: {
    rounds: number;
    otherRounds: number;
    seconds: number;
    writesPerSecond: number;
    probesPerSecond: number;
  };
  cpu: { rounds: number; seconds: number; writesPerSecond: number };
  catchUp: { seconds: number };
  apply: { rounds: number; keys: number };
  memory: { keys: number };
  listMemory: { lists: number; elements: number; queueSeconds: number };
  /** One key in three regions: `writesPerSecond` in each, for `seconds`; as many writes at twice the rate. */
  hot: {
    rounds: number;
    seconds: number;
    writesPerSecond: number;
    warmUpSeconds: number;
    quietSecondsMax: number;
  };
  /** Writes of all regions together, of two, three and five. */
  members: { rounds: number; writes: number };
  /** Data that a new member takes over; `seconds` of writes without it, to compare. */
  sync: { megabytes: number; rounds: number; seconds: number };
  /** Minutes of steady load to see whether the replicators' memory stays flat; 0 is not at all. */
  soakMinutes: number;
}

const WRITES_PER_SECOND = 20_000;

export function planFor(options: {
  quick: boolean;
  seconds: number | undefined;
  soakMinutes: number;
}): Plan {
  const { quick, seconds, soakMinutes } = options;
  return {
    warmUp: { seconds: quick ? 3 : 5, writesPerSecond: WRITES_PER_SECOND },
    throughput: quick ? { rounds: 3, seconds: 0.5 } : { rounds: 5, seconds: 2.5 },
    lag: {
      rounds: quick ? 2 : 3,
      otherRounds: quick ? 1 : 2,
      seconds: quick ? 2 : 10,
      writesPerSecond: WRITES_PER_SECOND,
      probesPerSecond: 200,
    },
    cpu: { rounds: quick ? 1 : 3, seconds: quick ? 2 : 5, writesPerSecond: WRITES_PER_SECOND },
    catchUp: { seconds: seconds ?? (quick ? 5 : 60) },
    apply: quick ? { rounds: 1, keys: 300_000 } : { rounds: 3, keys: 1_000_000 },
    memory: { keys: quick ? 100_000 : 200_000 },
    listMemory: {
      lists: quick ? 3 : 10,
      elements: 1_000_000,
      queueSeconds: quick ? 10 : 60,
    },
    hot: {
      rounds: quick ? 1 : 2,
      seconds: quick ? 3 : 10,
      writesPerSecond: quick ? 500 : 2000,
      warmUpSeconds: quick ? 1 : 3,
      quietSecondsMax: quick ? 30 : 120,
    },
    members: quick ? { rounds: 1, writes: 60_000 } : { rounds: 3, writes: 300_000 },
    sync: quick
      ? { megabytes: 200, rounds: 2, seconds: 3 }
      : { megabytes: 2048, rounds: 3, seconds: 10 },
    soakMinutes,
  };
}
