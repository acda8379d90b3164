// The commands on data, of every type.

import { BITFIELD_COMMANDS } from './bitfields.ts';
import { BITMAP_COMMANDS } from './bitmaps.ts';
import type { CommandTable } from './command-table.ts';
import { FIELD_EXPIRY_COMMANDS } from './field-expiries.ts';
import { HASH_COMMANDS } from './hashes.ts';
import { HYPERLOGLOG_COMMANDS } from './hyperloglogs.ts';
import { jsonCommands } from './json.ts';
import { KEY_COMMANDS } from './keys.ts';
import { LIST_POP_COMMANDS } from './list-pops.ts';
import { LIST_COMMANDS } from './lists.ts';
import { type ChooseMembers, setCommands } from './sets.ts';
import { SORTED_SET_POP_COMMANDS } from './sorted-set-pops.ts';
import { SORTED_SET_RANGE_COMMANDS } from './sorted-set-ranges.ts';
import { SORTED_SET_STORE_COMMANDS } from './sorted-set-stores.ts';
import { SORTED_SET_COMMANDS } from './sorted-sets.ts';
import { type IdClock, streamEntryCommands } from './streams/entry-commands.ts';
import { STREAM_GROUP_COMMANDS } from './streams/group-commands.ts';
import { STREAM_INFO_COMMANDS } from './streams/info-commands.ts';
import { STREAM_PENDING_COMMANDS } from './streams/pending-commands.ts';
import { STREAM_READ_COMMANDS } from './streams/read-commands.ts';
import { STRING_COMMANDS } from './strings.ts';

export function dataCommands(
  choose: ChooseMembers,
  idClock: IdClock,
  jsonSetEndsExpiry: boolean,
): CommandTable[] {
  return [
    STRING_COMMANDS,
    BITMAP_COMMANDS,
    BITFIELD_COMMANDS,
    HYPERLOGLOG_COMMANDS,
    HASH_COMMANDS,
    FIELD_EXPIRY_COMMANDS,
    setCommands(choose),
    SORTED_SET_COMMANDS,
    SORTED_SET_POP_COMMANDS,
    SORTED_SET_RANGE_COMMANDS,
    SORTED_SET_STORE_COMMANDS,
    LIST_COMMANDS,
    LIST_POP_COMMANDS,
    streamEntryCommands(idClock),
    STREAM_READ_COMMANDS,
    STREAM_PENDING_COMMANDS,
    STREAM_GROUP_COMMANDS,
    STREAM_INFO_COMMANDS,
    jsonCommands(jsonSetEndsExpiry),
    KEY_COMMANDS,
  ];
}
