// What two replicators say on a tunnel for comparing keys, behind the request (link/messages.ts). The one that has
// missed writes asks, in records of type `tunnel`; the other answers each question with records of type
// `tunnelled`. Before the first question it says that the tunnel stands, with an empty page.

import { z } from 'zod';
import { type Record, RecordType } from '../../wire/record.ts';
import { decodeJson, encodeJson } from '../link/messages.ts';

const keys = z.array(z.string());

const questionSchema = z.discriminatedUnion('ask', [
  z.object({ ask: z.literal('buckets') }),
  /** The keys of these buckets; answered in pages. */
  z.object({ ask: z.literal('keys'), buckets: z.array(z.int()) }),
  z.object({ ask: z.literal('digests'), keys }),
  /** Assert what these keys hold, as new ops. */
  z.object({ ask: z.literal('assert'), keys }),
]);

const answerSchema = z.object({
  buckets: z.array(z.number()).optional(),
  digests: keys.optional(),
  page: z.array(z.tuple([z.string(), z.string()])).optional(),
  /** Of pages the last. */
  isLast: z.boolean().default(true),
  /** What was visible there before the engine was asked. */
  visible: z.array(z.tuple([z.int(), z.int()])),
});

export type Question = z.infer<typeof questionSchema>;
export type Answer = z.infer<typeof answerSchema>;

export const encodeQuestion = (question: Question): Buffer =>
  encodeJson(RecordType.tunnel, question);
export const decodeQuestion = (record: Record): Question =>
  decodeJson(record, questionSchema, 'question about keys');

export const encodeAnswer = (answer: Answer): Buffer => encodeJson(RecordType.tunnelled, answer);
export const decodeAnswer = (record: Record): Answer =>
  decodeJson(record, answerSchema, 'answer about keys');
