// The bodies of requests to export and to import.

import { z } from 'zod';

const uri = z.string().min(1).max(4_000);

export const databaseExportBody = z.object({ sasUri: uri });
/** Older versions name one file. */
export const databaseImportBody = z
  .object({ sasUris: z.array(uri).min(1).max(32).nullish(), sasUri: uri.nullish() })
  .refine(({ sasUris, sasUri }) => sasUris != null || sasUri != null, {
    path: ['sasUris'],
    message: 'it names the files',
  });

/** There are no managed identities here: a URL says by itself who may use it. */
const common = {
  format: z.string().regex(/^rdb$/i, 'the format is RDB').nullish(),
  'preferred-data-archive-auth-method': z.string().regex(/^sas$/i, 'the method is SAS').nullish(),
};

export const cacheExportBody = z.object({
  ...common,
  prefix: z.string().regex(/^[A-Za-z0-9][A-Za-z0-9._-]{0,100}$/, 'letters, digits, ., _ and -'),
  container: uri,
});
export const cacheImportBody = z.object({ ...common, files: z.array(uri).min(1).max(32) });
