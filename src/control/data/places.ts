// Where data is exported to and imported from: a blob behind an http(s) URL, or a file below a folder that the
// operator has named. What a caller asks for is judged here, before anything begins; what links in a path lead to,
// when it is opened.

import { realpathSync, statSync } from 'node:fs';
import { basename, isAbsolute, join, relative, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { OperatorError } from '../../base/errors.ts';
import { badRequest } from '../model/arm-error.ts';
import { isStorable } from '../model/text-safety.ts';

const URI_MAX = 4_000;
const FILE_SUFFIX = '.rdb';

/** A folder or a container that files go to, or a file itself. */
export type Place =
  | { readonly kind: 'blob'; readonly url: URL }
  | { readonly kind: 'file'; readonly path: string };

export class DataPlaces {
  readonly #folders: readonly string[];

  /** `folders`: below these, and nowhere else, files may be written and read. Throws OperatorError. */
  constructor(folders: readonly string[]) {
    this.#folders = folders.map(existingFolder);
  }

  /** Throws ArmError that names the field. It never repeats the query, which may be a secret. */
  judge(uri: string, field: string): Place {
    const refused = (why: string) => badRequest(`${field}: ${why}.`, field);
    if (uri.length > URI_MAX || !isStorable(uri) || !URL.canParse(uri))
      throw refused('it is no URL');
    const url = new URL(uri);
    if (url.protocol === 'http:' || url.protocol === 'https:') {
      if (url.username !== '' || url.password !== '') {
        throw refused('a user and a password in a URL are not supported: use a signed URL');
      }
      url.hash = '';
      return { kind: 'blob', url };
    }
    if (url.protocol !== 'file:') {
      throw refused(`'${url.protocol}' is not supported: it is https, http or file`);
    }
    const path = pathOf(url);
    if (path === null) throw refused('it names no path of this machine');
    if (this.#folders.some((folder) => isWithin(folder, path))) return { kind: 'file', path };
    throw refused(
      this.#folders.length === 0
        ? 'the operator has named no folder for files (--export-dir)'
        : 'it is not below a folder that the operator has named (--export-dir)',
    );
  }

  /** The place where a file of this name goes. A place that ends in .rdb is the file itself. */
  target(place: Place, fileName: string): Place {
    if (place.kind === 'blob') {
      if (place.url.pathname.endsWith(FILE_SUFFIX)) return place;
      const url = new URL(place.url);
      url.pathname = `${url.pathname.replace(/\/+$/, '')}/${fileName}`;
      return { kind: 'blob', url };
    }
    const isFile = place.path.endsWith(FILE_SUFFIX);
    const folder = this.#real(isFile ? resolve(place.path, '..') : place.path);
    return { kind: 'file', path: join(folder, isFile ? basename(place.path) : fileName) };
  }

  /** The file to read, wherever links lead. Throws OperatorError. */
  source(place: Place): Place {
    return place.kind === 'blob' ? place : { kind: 'file', path: this.#real(place.path) };
  }

  #real(path: string): string {
    let real = '';
    try {
      real = realpathSync(path);
    } catch {
      throw new OperatorError('FILE_NOT_FOUND', `${path} is not there`, 'Correct the path.');
    }
    if (this.#folders.some((folder) => isWithin(folder, real))) return real;
    throw new OperatorError(
      'FILE_NOT_ALLOWED',
      `${path} leads out of the folders that the operator has named`,
      'Use a path without links, or start the control plane with another --export-dir.',
    );
  }
}

/** For messages: without the query. */
export function shownPlace(place: Place): string {
  return place.kind === 'file' ? place.path : `${place.url.origin}${place.url.pathname}`;
}

function pathOf(url: URL): string | null {
  if (url.host !== '' || url.search !== '') return null;
  try {
    const path = fileURLToPath(url);
    return path.includes('\0') || path.includes('\\') ? null : path;
  } catch {
    return null;
  }
}

function isWithin(folder: string, path: string): boolean {
  const way = relative(folder, path);
  return way === '' || (!isAbsolute(way) && way !== '..' && !way.startsWith('../'));
}

function existingFolder(path: string): string {
  try {
    const real = realpathSync(path);
    if (statSync(real).isDirectory()) return real;
  } catch {
    // Said below.
  }
  throw new OperatorError(
    'FOLDER_NOT_FOUND',
    `${path} is no folder`,
    'Make it, or name another one with --export-dir.',
  );
}
