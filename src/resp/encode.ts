// Commands to bytes. Strings are latin1 (one character per byte), as everywhere in the replicator.

/** An argument of a command: a latin1 string, raw bytes or a number. */
export type Arg = string | Buffer | number;

/** Encodes a command as a RESP array of bulk strings. */
export function encodeCommand(args: readonly Arg[]): Buffer {
  const parts: Buffer[] = [Buffer.from(`*${args.length}\r\n`, 'latin1')];
  for (const arg of args) {
    const bytes = Buffer.isBuffer(arg) ? arg : Buffer.from(String(arg), 'latin1');
    parts.push(Buffer.from(`$${bytes.length}\r\n`, 'latin1'), bytes, CRLF);
  }
  return Buffer.concat(parts);
}

/** The same for arguments that are all latin1 strings: one allocation. */
export function encodeStrings(args: readonly string[]): Buffer {
  let text = `*${args.length}\r\n`;
  for (const arg of args) text += `$${arg.length}\r\n${arg}\r\n`;
  return Buffer.from(text, 'latin1');
}

const CRLF = Buffer.from('\r\n', 'latin1');
