// Lists, a page at a time.

import { PAGE_SIZE, page, readSkipToken } from '../model/paging.ts';
import type { Answer, ApiRequest } from './route.ts';
import { ok } from './route.ts';

export interface Listed {
  readonly key: string;
  readonly view: object;
}

/** `read` is asked for so many of what stands behind a key. */
export async function listAnswer(
  request: ApiRequest,
  read: (afterKey: string | null, limit: number) => Promise<readonly Listed[]>,
): Promise<Answer> {
  const afterKey = readSkipToken(request.query.$skipToken ?? request.query.$skiptoken);
  const { rows, nextToken } = page(await read(afterKey, PAGE_SIZE + 1));
  return ok({
    value: rows.map(({ view }) => view),
    ...(nextToken === null ? {} : { nextLink: nextLink(request, nextToken) }),
  });
}

function nextLink({ base, path, version }: ApiRequest, token: string): string {
  return `${base}${path}?api-version=${version.text}&$skipToken=${token}`;
}
