// A HyperLogLog as the engine keeps it in a string, byte for byte: 16 bytes of header (magic, encoding, cached
// cardinality), then 16384 registers. The dense encoding has 6 bits for each; the sparse one has runs of zeros
// (one byte: 00llllll, two bytes: 01llllll llllllll) and runs of equal values (1vvvvvll), lengths and values less one.

const MAGIC = 'HYLL';
const ENCODING_AT = 4;
const CARDINALITY_AT = 8;
const CARDINALITY_STALE_AT = 15;
const STALE_BIT = 0x80;
const HEADER_BYTES = 16;
const DENSE = 0;
const SPARSE = 1;

const INDEX_BITS = 14;
const HASH_BITS = 64 - INDEX_BITS;
const REGISTERS = 1 << INDEX_BITS;
const DENSE_BYTES = HEADER_BYTES + (REGISTERS * 6) / 8;
const HASH_SEED = 0xadc83b19n;
/** hll-sparse-max-bytes */
const SPARSE_BYTES_MAX = 3000;
const SPARSE_VALUE_MAX = 32;
const RUN_OF_VALUES_MAX = 4;
const SHORT_RUN_OF_ZEROS_MAX = 64;
const MERGE_STEPS = 5;

/** The bytes do not add up to 16384 registers. */
export class CorruptHyperLogLog extends Error {}

/** Registers by index, one byte each. */
export type Registers = Uint8Array;

export function noRegisters(): Registers {
  return new Uint8Array(REGISTERS);
}

interface Run {
  readonly at: number;
  readonly bytes: number;
  /** Index of the first register. */
  readonly first: number;
  readonly length: number;
  readonly value: number;
}

export class HyperLogLog {
  #bytes: Buffer;

  constructor(bytes: Buffer) {
    this.#bytes = bytes;
  }

  static empty(): HyperLogLog {
    const bytes = Buffer.alloc(HEADER_BYTES + 2);
    bytes.write(MAGIC, 'latin1');
    bytes[ENCODING_AT] = SPARSE;
    bytes.set(zeros(REGISTERS), HEADER_BYTES);
    return new HyperLogLog(bytes);
  }

  /** What `text` holds; undefined if it does not look like one. */
  static parse(text: string): HyperLogLog | undefined {
    if (text.length < HEADER_BYTES || !text.startsWith(MAGIC)) return undefined;
    const encoding = text.charCodeAt(ENCODING_AT);
    if (encoding !== SPARSE && encoding !== DENSE) return undefined;
    if (encoding === DENSE && text.length !== DENSE_BYTES) return undefined;
    return new HyperLogLog(Buffer.from(text, 'latin1'));
  }

  get text(): string {
    return this.#bytes.latin1Slice();
  }

  get isDense(): boolean {
    return this.#bytes[ENCODING_AT] === DENSE;
  }

  /** Whether a register changed. */
  add(element: string): boolean {
    const hash = murmurHash(Buffer.from(element, 'latin1'));
    let rest = (hash >> BigInt(INDEX_BITS)) | (1n << BigInt(HASH_BITS));
    let zeroBits = 1;
    for (; (rest & 1n) === 0n; rest >>= 1n) zeroBits++;
    return this.raise(Number(hash & BigInt(REGISTERS - 1)), zeroBits);
  }

  /** Gives a register a value if that is higher than what it has. */
  raise(index: number, value: number): boolean {
    return this.isDense ? this.#raiseDense(index, value) : this.#raiseSparse(index, value);
  }

  /** The cardinality noted in the header; undefined when registers have changed since. */
  get cachedCardinality(): bigint | undefined {
    const stale = (this.#bytes[CARDINALITY_STALE_AT] as number) & STALE_BIT;
    return stale === 0 ? this.#bytes.readBigUInt64LE(CARDINALITY_AT) : undefined;
  }

  cacheCardinality(count: bigint): void {
    this.#bytes.writeBigUInt64LE(count, CARDINALITY_AT);
  }

  forgetCardinality(): void {
    this.#bytes[CARDINALITY_STALE_AT] = (this.#bytes[CARDINALITY_STALE_AT] as number) | STALE_BIT;
  }

  /** Raises `registers` to what is higher here. */
  mergeInto(registers: Registers): void {
    if (this.isDense) {
      for (let i = 0; i < REGISTERS; i++) {
        registers[i] = Math.max(registers[i] as number, this.#denseRegister(i));
      }
      return;
    }
    let end = 0;
    for (const { first, length, value } of this.#runs()) {
      // Values beyond the last register are not looked at: the engine forgives those that follow it at once.
      if (value > 0 && first + length > REGISTERS) break;
      end = first + length;
      if (value === 0) continue;
      for (let i = first; i < end; i++) registers[i] = Math.max(registers[i] as number, value);
    }
    if (end !== REGISTERS) throw new CorruptHyperLogLog();
  }

  makeDense(): void {
    if (this.isDense) return;
    const registers = noRegisters();
    this.mergeInto(registers);
    const dense = Buffer.alloc(DENSE_BYTES);
    this.#bytes.copy(dense, 0, 0, HEADER_BYTES);
    dense[ENCODING_AT] = DENSE;
    this.#bytes = dense;
    for (const [index, value] of registers.entries()) this.#raiseDense(index, value);
  }

  #denseRegister(index: number): number {
    const at = HEADER_BYTES + Math.floor((index * 6) / 8);
    const word = (this.#bytes[at] as number) | ((this.#bytes[at + 1] ?? 0) << 8);
    return (word >> ((index * 6) % 8)) & 63;
  }

  #raiseDense(index: number, value: number): boolean {
    if (value <= this.#denseRegister(index)) return false;
    const at = HEADER_BYTES + Math.floor((index * 6) / 8);
    const shift = (index * 6) % 8;
    const word = (this.#bytes[at] as number) | ((this.#bytes[at + 1] ?? 0) << 8);
    const changed = (word & ~(63 << shift)) | (value << shift);
    this.#bytes[at] = changed & 0xff;
    if (at + 1 < this.#bytes.length) this.#bytes[at + 1] = changed >> 8;
    return true;
  }

  *#runs(): Iterable<Run> {
    const bytes = this.#bytes;
    let first = 0;
    for (let at = HEADER_BYTES; at < bytes.length; ) {
      const code = bytes[at] as number;
      let run = { at, bytes: 1, first, length: (code & 63) + 1, value: 0 };
      if (code & 0x80) run = { ...run, length: (code & 3) + 1, value: ((code >> 2) & 31) + 1 };
      else if (code & 0x40) {
        run = { ...run, bytes: 2, length: ((code & 63) << 8) + (bytes[at + 1] ?? 0) + 1 };
      }
      yield run;
      first += run.length;
      at += run.bytes;
    }
  }

  #raiseSparse(index: number, value: number): boolean {
    if (value > SPARSE_VALUE_MAX) return this.#raiseAfterMakingDense(index, value);
    let before: Run | undefined;
    let run: Run | undefined;
    for (const each of this.#runs()) {
      run = each;
      if (index < each.first + each.length) break;
      before = each;
    }
    if (run === undefined || run === before) throw new CorruptHyperLogLog();
    if (run.value >= value) return false;
    const parts = split(run, index, value);
    const growth = parts.length - run.bytes;
    if (growth > 0 && this.#bytes.length + growth > SPARSE_BYTES_MAX) {
      return this.#raiseAfterMakingDense(index, value);
    }
    this.#bytes = Buffer.concat([
      this.#bytes.subarray(0, run.at),
      Buffer.from(parts),
      this.#bytes.subarray(run.at + run.bytes),
    ]);
    this.#joinEqualRuns(before?.at ?? HEADER_BYTES);
    this.forgetCardinality();
    return true;
  }

  #raiseAfterMakingDense(index: number, value: number): boolean {
    this.makeDense();
    return this.#raiseDense(index, value);
  }

  /** Joins adjacent runs of one value, within a few runs from `start`. */
  #joinEqualRuns(start: number): void {
    let at = start;
    for (let step = 0; step < MERGE_STEPS && at < this.#bytes.length; step++) {
      const code = this.#bytes[at] as number;
      const next = this.#bytes[at + 1] ?? 0;
      const length = (code & 3) + (next & 3) + 2;
      if ((code & 0x80) === 0) {
        at += code & 0x40 ? 2 : 1;
      } else if ((code & ~3) === (next & ~3) && length <= RUN_OF_VALUES_MAX) {
        this.#bytes[at + 1] = (next & ~3) | (length - 1);
        this.#bytes = Buffer.concat([this.#bytes.subarray(0, at), this.#bytes.subarray(at + 1)]);
      } else {
        at++;
      }
    }
  }

  /** The estimate from the registers. */
  cardinality(): bigint {
    const registers = noRegisters();
    this.mergeInto(registers);
    if (
      !this.isDense &&
      [...this.#runs()].reduce((sum, run) => sum + run.length, 0) !== REGISTERS
    ) {
      throw new CorruptHyperLogLog();
    }
    return estimate(registers);
  }
}

/** The content of a HyperLogLog whatever its encoding and cached cardinality; undefined if `text` is none. */
export function canonicalHyperLogLog(text: string): string | undefined {
  const log = HyperLogLog.parse(text);
  if (log === undefined) return undefined;
  try {
    log.makeDense();
  } catch {
    return undefined;
  }
  log.cacheCardinality(0n);
  log.forgetCardinality();
  return log.text;
}

/** The canonical content of a HyperLogLog with these elements. */
export function hyperLogLogOf(elements: Iterable<string>): string {
  const log = HyperLogLog.empty();
  for (const element of elements) log.add(element);
  return canonicalHyperLogLog(log.text) as string;
}

function zeros(length: number): number[] {
  if (length === 0) return [];
  const coded = length - 1;
  return length > SHORT_RUN_OF_ZEROS_MAX ? [0x40 | (coded >> 8), coded & 0xff] : [coded];
}

function values(value: number, length: number): number[] {
  return length === 0 ? [] : [0x80 | ((value - 1) << 2) | (length - 1)];
}

/** The bytes of a run in which the register at `index` gets another value. */
function split(run: Run, index: number, value: number): number[] {
  const filled = (length: number) => (run.value === 0 ? zeros(length) : values(run.value, length));
  return [
    ...filled(index - run.first),
    ...values(value, 1),
    ...filled(run.first + run.length - 1 - index),
  ];
}

const UNIT = 1n << 64n;
const MULTIPLIER = 0xc6a4a7935bd1e995n;
const SHIFT = 47n;

/** MurmurHash2 in its 64-bit form. */
function murmurHash(bytes: Buffer): bigint {
  const multiply = (x: bigint) => (x * MULTIPLIER) % UNIT;
  const mix = (x: bigint) => x ^ (x >> SHIFT);
  let hash = HASH_SEED ^ multiply(BigInt(bytes.length));
  const whole = bytes.length - (bytes.length % 8);
  for (let at = 0; at < whole; at += 8) {
    hash = multiply(hash ^ multiply(mix(multiply(bytes.readBigUInt64LE(at)))));
  }
  if (whole < bytes.length) {
    let rest = 0n;
    for (let at = bytes.length - 1; at >= whole; at--) rest = (rest << 8n) | BigInt(bytes[at] ?? 0);
    hash = multiply(hash ^ rest);
  }
  return mix(multiply(mix(hash)));
}

const ALPHA = 0.7213475204444817;

/** Ertl's estimator ("New cardinality estimation algorithms for HyperLogLog sketches", arXiv:1702.01284). */
export function estimate(registers: Registers): bigint {
  const histogram = new Array<number>(64).fill(0);
  for (const value of registers) histogram[value] = (histogram[value] as number) + 1;
  const count = (value: number) => histogram[value] as number;
  let z = REGISTERS * tau((REGISTERS - count(HASH_BITS + 1)) / REGISTERS);
  for (let value = HASH_BITS; value >= 1; value--) z = (z + count(value)) * 0.5;
  z += REGISTERS * sigma(count(0) / REGISTERS);
  return BigInt(Math.round((ALPHA * REGISTERS * REGISTERS) / z));
}

function sigma(share: number): number {
  if (share === 1) return Number.POSITIVE_INFINITY;
  let x = share;
  let y = 1;
  let sum = x;
  for (let former = Number.NaN; former !== sum; ) {
    x *= x;
    former = sum;
    sum += x * y;
    y += y;
  }
  return sum;
}

function tau(share: number): number {
  if (share === 0 || share === 1) return 0;
  let x = share;
  let y = 1;
  let sum = 1 - x;
  for (let former = Number.NaN; former !== sum; ) {
    x = Math.sqrt(x);
    former = sum;
    y *= 0.5;
    sum -= (1 - x) ** 2 * y;
  }
  return sum / 3;
}
