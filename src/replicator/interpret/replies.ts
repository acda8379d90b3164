// What replies of an engine say, as texts.

import type { Reply } from '../../resp/reply-parser.ts';

export function textOfReply(reply: Reply | undefined): string | undefined {
  if (reply?.kind === 'bulk') return reply.bytes.latin1Slice();
  if (reply?.kind === 'simple') return reply.text;
  if (reply?.kind === 'integer') return String(reply.value);
  return undefined;
}

export function itemsOf(reply: Reply | undefined): Reply[] {
  return reply?.kind === 'array' ? reply.items : [];
}

export function textsOf(reply: Reply | undefined): string[] {
  return itemsOf(reply).map((item) => textOfReply(item) ?? '');
}
