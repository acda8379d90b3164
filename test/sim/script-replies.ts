// What the model's scripts read from the replies of the commands that they run.

import type { ModelReply } from './model-engine/reply.ts';

export function textOf(reply: ModelReply): string {
  return reply.kind === 'bulk' || reply.kind === 'simple' ? reply.text : '';
}

export function numberOf(reply: ModelReply): number {
  return reply.kind === 'integer' ? Number(reply.value) : 0;
}

export function itemsOf(reply: ModelReply): readonly ModelReply[] {
  return reply.kind === 'array' ? reply.items : [];
}
