// The versions of the API in which each kind of resource is spoken of.

/** Keys are on by default in this one, as in the documents whose examples are to work. */
export const ENTERPRISE_VERSION = '2024-09-01-preview';
export const CACHE_VERSION = '2024-11-01';
export const GROUP_VERSION = '2021-04-01';
export const AUTHORIZATION_VERSION = '2022-04-01';
/** Of what only Atoll has. */
export const PRINCIPALS_VERSION = '2025-07-01';
