// A view of one command in a buffer: the shape in which the replication stream reaches the core. The
// same object is reused for every command, so nothing may keep it.

import './latin1.ts';

/** A RESP array of bulk strings, located but not copied. Valid until the parser moves on. */
export class Command {
  buffer: Buffer = Buffer.alloc(0);
  /** The command's bytes are `buffer[start, end)`. */
  start = 0;
  end = 0;
  argc = 0;
  argStart: Int32Array = new Int32Array(64);
  argEnd: Int32Array = new Int32Array(64);

  /** Argument `i` as a latin1 string: one character per byte, so it is binary safe and can key a Map. */
  arg(i: number): string {
    return this.buffer.latin1Slice(this.argStart[i], this.argEnd[i]);
  }

  argLength(i: number): number {
    return (this.argEnd[i] as number) - (this.argStart[i] as number);
  }

  /** Makes room for `count` arguments. */
  reserve(count: number): void {
    if (count <= this.argStart.length) return;
    const size = Math.max(count, this.argStart.length * 2);
    const starts = new Int32Array(size);
    const ends = new Int32Array(size);
    starts.set(this.argStart);
    ends.set(this.argEnd);
    this.argStart = starts;
    this.argEnd = ends;
  }
}
