// Finds where the parts of an RDB file end, while it comes in: the file's own fields, keys with their
// values, and the elements of large values. It decodes nothing and keeps nothing but a length that is cut.
//
//   state     input                         next
//   magic     REDIS or VALKEY, a version    between
//   between   an opcode and what follows    between
//   between   a type, a key, a value        between
//   between   the end opcode                checksum
//   checksum  8 bytes                       over
//   any       what no engine writes         over, with a reason
//
// Guarantee: the parts come out the same however the input is cut. What cannot be split is no error here:
// from there on everything is one part without an end, and `reason` says why.

import {
  END_OF_FILE,
  REDIS_OPCODES,
  REDIS_VALUES,
  type Step,
  VALKEY_OPCODES,
  VALKEY_VALUES,
  type ValueStructure,
} from './structures.ts';

/** What ended. */
export const RdbPart = {
  /** Nothing: the input is used up. */
  none: 0,
  /** Something that belongs to no value: the header, an opcode, an expiry, the checksum. */
  field: 1,
  /** The beginning of a value with elements: type, key, and how many there are. */
  head: 2,
  element: 3,
  /** A value, with all that belongs to it. */
  value: 4,
} as const;
export type RdbPart = (typeof RdbPart)[keyof typeof RdbPart];

const MAGIC_BYTES = 9;
const CHECKSUM_BYTES = 8;
const LENGTH_BYTES_MAX = 9;
const DEPTH_MAX = 8;

const KEY: readonly Step[] = [{ kind: 'string' }];
const CHECKSUM: readonly Step[] = [{ kind: 'bytes', count: CHECKSUM_BYTES }];

/** What a module says before each thing that it wrote. */
const MODULE_MARK = { end: 0, signed: 1, unsigned: 2, float: 3, double: 4, string: 5 } as const;

const UNKNOWN = -1;
const ENCODED = -2;

export class RdbSplitter {
  #chunk: Uint8Array = new Uint8Array(0);
  #at = 0;
  #state: 'magic' | 'between' | 'field' | 'key' | 'value' | 'checksum' | 'over' = 'magic';
  #reason: string | undefined;
  #values: ReadonlyMap<number, ValueStructure> = REDIS_VALUES;
  #opcodes: ReadonlyMap<number, readonly Step[]> = REDIS_OPCODES;
  #structure: ValueStructure | undefined;

  /** The steps under way, each within the one before: which, where in them, how often still. */
  readonly #steps: (readonly Step[])[] = new Array<readonly Step[]>(DEPTH_MAX).fill([]);
  readonly #next = new Int32Array(DEPTH_MAX);
  readonly #left = new Float64Array(DEPTH_MAX);
  #depth = 0;
  /** Within a step: how far it is. */
  #phase = 0;
  #compressedBytes = 0;
  /** Bytes to pass over. */
  #skip = 0;
  /** The beginning of a length, or of the file, that is cut. */
  readonly #cut = new Uint8Array(LENGTH_BYTES_MAX);
  #cutBytes = 0;

  /** The next bytes of the file. To be called when `next` has said `none`. */
  feed(chunk: Uint8Array): void {
    this.#chunk = chunk;
    this.#at = 0;
  }

  /** How far the present chunk has been looked at; behind `next`: where the part ended. */
  get at(): number {
    return this.#at;
  }

  /** What comes next, or goes on, belongs to a value. */
  get isInValue(): boolean {
    return this.#state === 'key' || this.#state === 'value';
  }

  /** Whether the elements of the present value stand in the order of a hash table. */
  get isUnordered(): boolean {
    return this.#structure?.isUnordered === true;
  }

  /** The file has ended, or cannot be split further: everything from here on is passed over. */
  get isOver(): boolean {
    return this.#state === 'over';
  }

  /** Why the file cannot be split (further); undefined while it can. */
  get reason(): string | undefined {
    return this.#reason;
  }

  /** Goes on to the end of a part, or of the input. */
  next(): RdbPart {
    for (;;) {
      if (this.#skip > 0) {
        const passed = Math.min(this.#skip, this.#chunk.length - this.#at);
        this.#at += passed;
        this.#skip -= passed;
        if (this.#skip > 0) return RdbPart.none;
      }
      const part = this.#advance();
      if (part !== undefined) return part;
    }
  }

  /** Undefined: go on. */
  #advance(): RdbPart | undefined {
    switch (this.#state) {
      case 'over':
        this.#at = this.#chunk.length;
        return RdbPart.none;
      case 'magic':
        return this.#magic();
      case 'between':
        if (this.#at < this.#chunk.length) return this.#begin(this.#chunk[this.#at] as number);
        // Bytes of a part that has been told of do not count again.
        return RdbPart.none;
      default:
        return this.#depth > 0 ? this.#step() : this.#finished();
    }
  }

  #magic(): RdbPart | undefined {
    if (this.#available() < MAGIC_BYTES) return this.#keepCut();
    let text = '';
    for (let i = 0; i < MAGIC_BYTES; i++) text += String.fromCharCode(this.#byte(i));
    this.#take(MAGIC_BYTES);
    if (/^VALKEY\d{3}$/.test(text)) {
      this.#values = VALKEY_VALUES;
      this.#opcodes = VALKEY_OPCODES;
    } else if (!/^REDIS\d{4}$/.test(text)) return this.#fail('it does not begin as an RDB file');
    this.#state = 'between';
    return RdbPart.field;
  }

  /** A type or an opcode. */
  #begin(code: number): RdbPart | undefined {
    const structure = this.#values.get(code);
    const opcode = this.#opcodes.get(code);
    if (structure !== undefined) {
      this.#structure = structure;
      this.#state = 'key';
      this.#enter(KEY, 1);
    } else if (opcode !== undefined) {
      this.#state = 'field';
      this.#enter(opcode, 1);
    } else if (code === END_OF_FILE) {
      this.#state = 'checksum';
      this.#enter(CHECKSUM, 1);
    } else return this.#fail(`${code} is no type and no opcode that is known`);
    this.#at++;
    return undefined;
  }

  /** All steps of a field, a key or a value are done. */
  #finished(): RdbPart | undefined {
    if (this.#state === 'key') {
      this.#state = 'value';
      this.#enter((this.#structure as ValueStructure).steps, 1);
      return undefined;
    }
    const part = this.#state === 'value' ? RdbPart.value : RdbPart.field;
    this.#state = this.#state === 'checksum' ? 'over' : 'between';
    return part;
  }

  #step(): RdbPart | undefined {
    const depth = this.#depth - 1;
    const steps = this.#steps[depth] as readonly Step[];
    const step = steps[this.#next[depth] as number];
    if (step === undefined) return this.#repeat(depth);
    switch (step.kind) {
      case 'string':
        return this.#string();
      case 'bytes':
        this.#skip = step.count;
        this.#done();
        return undefined;
      case 'length': {
        const length = this.#length();
        if (length === UNKNOWN) return this.#keepCut();
        if (length === ENCODED) return this.#fail('a length that is none');
        this.#done();
        return undefined;
      }
      case 'each':
        return this.#each(step);
      case 'decimal':
        return this.#decimal();
      case 'module':
        return this.#module();
    }
  }

  /** The steps have been taken once. */
  #repeat(depth: number): RdbPart | undefined {
    const left = (this.#left[depth] as number) - 1;
    this.#left[depth] = left;
    this.#next[depth] = 0;
    const parent = depth > 0 ? this.#parent(depth) : undefined;
    if (left <= 0) {
      this.#depth = depth;
      if (depth > 0) this.#done();
    }
    return parent?.kind === 'each' && parent.isElement ? RdbPart.element : undefined;
  }

  #parent(depth: number): Step | undefined {
    const steps = this.#steps[depth - 1] as readonly Step[];
    return steps[this.#next[depth - 1] as number];
  }

  #each(step: Step & { kind: 'each' }): RdbPart | undefined {
    const count = this.#length();
    if (count === UNKNOWN) return this.#keepCut();
    if (count === ENCODED) return this.#fail('a number of elements that is none');
    if (count === 0) this.#done();
    else this.#enter(step.steps, count);
    return step.isElement ? RdbPart.head : undefined;
  }

  #string(): RdbPart | undefined {
    const length = this.#length();
    if (length === UNKNOWN) return this.#keepCut();
    if (this.#phase === 0) {
      if (length === ENCODED) return this.#encodedString();
      this.#skip = length;
      this.#done();
    } else if (length === ENCODED) return this.#fail('a compressed string without a length');
    else if (this.#phase === 1) {
      this.#compressedBytes = length;
      this.#phase = 2;
    } else {
      this.#skip = this.#compressedBytes;
      this.#done();
    }
    return undefined;
  }

  /** Its first byte says what follows: a number in 1, 2 or 4 bytes, or the two lengths of a compressed string. */
  #encodedString(): RdbPart | undefined {
    const form = this.#byte(0) & 0x3f;
    this.#take(1);
    if (form === 3) {
      this.#phase = 1;
      return undefined;
    }
    if (form > 3) return this.#fail(`a string in form ${form}, which is not known`);
    this.#skip = 1 << form;
    this.#done();
    return undefined;
  }

  #decimal(): RdbPart | undefined {
    if (this.#available() < 1) return this.#keepCut();
    const digits = this.#byte(0);
    this.#take(1);
    // Not a number, and the infinities, have no digits.
    this.#skip = digits >= 253 ? 0 : digits;
    this.#done();
    return undefined;
  }

  #module(): RdbPart | undefined {
    if (this.#phase >= 10) {
      // A string of a module: as any other, but then the next mark follows.
      this.#phase -= 10;
      const next = this.#next[this.#depth - 1] as number;
      const failed = this.#string();
      const isDone = this.#next[this.#depth - 1] !== next;
      this.#next[this.#depth - 1] = next;
      this.#phase = isDone ? 0 : this.#phase + 10;
      return failed;
    }
    const mark = this.#length();
    if (mark === UNKNOWN) return this.#keepCut();
    if (this.#phase === 1) this.#phase = 0;
    else if (mark === MODULE_MARK.end) this.#done();
    else if (mark === MODULE_MARK.signed || mark === MODULE_MARK.unsigned) this.#phase = 1;
    else if (mark === MODULE_MARK.float) this.#skip = 4;
    else if (mark === MODULE_MARK.double) this.#skip = 8;
    else if (mark === MODULE_MARK.string) this.#phase = 10;
    else return this.#fail('a module has written what is not known');
    return undefined;
  }

  /** Takes a length. UNKNOWN: more bytes are needed; ENCODED: it is none, and its first byte is not taken. */
  #length(): number {
    const available = this.#available();
    if (available < 1) return UNKNOWN;
    const first = this.#byte(0);
    const form = first >> 6;
    if (form === 0) {
      this.#take(1);
      return first;
    }
    if (form === 1) {
      if (available < 2) return UNKNOWN;
      const length = ((first & 0x3f) << 8) | this.#byte(1);
      this.#take(2);
      return length;
    }
    if (form === 3 || first > 0x81) return ENCODED;
    const bytes = first === 0x80 ? 4 : 8;
    if (available < 1 + bytes) return UNKNOWN;
    let length = 0;
    for (let i = 1; i <= bytes; i++) length = length * 256 + this.#byte(i);
    this.#take(1 + bytes);
    return length;
  }

  #available(): number {
    return this.#cutBytes + this.#chunk.length - this.#at;
  }

  /** The byte at `index` from here, be it one that was cut off. */
  #byte(index: number): number {
    const cut = this.#cutBytes;
    return (index < cut ? this.#cut[index] : this.#chunk[this.#at + index - cut]) as number;
  }

  #take(bytes: number): void {
    this.#at += bytes - this.#cutBytes;
    this.#cutBytes = 0;
  }

  /** More bytes are needed for what begins here. */
  #keepCut(): RdbPart {
    while (this.#at < this.#chunk.length) {
      this.#cut[this.#cutBytes++] = this.#chunk[this.#at++] as number;
    }
    return RdbPart.none;
  }

  #enter(steps: readonly Step[], times: number): void {
    this.#steps[this.#depth] = steps;
    this.#next[this.#depth] = 0;
    this.#left[this.#depth] = times;
    this.#depth++;
    this.#phase = 0;
  }

  /** The step at hand is done. */
  #done(): void {
    const depth = this.#depth - 1;
    this.#next[depth] = (this.#next[depth] as number) + 1;
    this.#phase = 0;
  }

  #fail(reason: string): undefined {
    this.#reason = reason;
    this.#state = 'over';
    this.#cutBytes = 0;
    return undefined;
  }
}
