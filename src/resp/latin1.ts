// Node's Buffers have a method per encoding, which spares the look-up of the encoding's name on hot paths.
// It is stable and used by Node itself, but not in the published types.

declare global {
  interface Buffer {
    latin1Slice(start?: number, end?: number): string;
  }
}

export {};
