// Who may sign in: service principals and users of this control plane, and those of issuers that it trusts. This is
// not part of Azure's management API. The rights to it are of Microsoft.Authorization, so that only those who may
// give roles at '/' have them: whoever can set a secret of an owner is one.

import { randomUUID } from 'node:crypto';
import { z } from 'zod';
import { SUBJECT_MAX } from '../identity/issuers.ts';
import {
  createPrincipal,
  deletePrincipal,
  findPrincipal,
  listPrincipals,
  type PrincipalRow,
  resetSecret,
} from '../identity/principals.ts';
import { checkOwnerStays } from '../identity/role-assignments.ts';
import type { Tokens } from '../identity/tokens.ts';
import { ArmError, badRequest, notFound } from '../model/arm-error.ts';
import type { Change } from '../store/store.ts';
import type { ApiParts } from './parts.ts';
import { type ApiRequest, ok, parameter, type Route, route, routeWithBody } from './route.ts';

const PRINCIPALS = '/providers/Atoll.Identity/principals';
const ACTION = 'Microsoft.Authorization/principals';
const PASSWORD_MIN = 12;
const password = z.string().min(PASSWORD_MIN, `at least ${PASSWORD_MIN} characters`).max(500);

const newPrincipal = z.object({
  kind: z.enum(['ServicePrincipal', 'User']),
  displayName: z.string().min(1).max(200),
  /** Of a user, the name with which it signs in. */
  name: z
    .string()
    .regex(/^[\w.@+-]{1,200}$/, 'letters, digits and . @ + - _ only')
    .nullish(),
  password: password.nullish(),
  /** Of an issuer that is trusted: who it is there. */
  issuer: z.string().max(500).nullish(),
  subject: z.string().min(1).max(SUBJECT_MAX).nullish(),
});
type NewPrincipalBody = z.infer<typeof newPrincipal>;

export function principalRoutes(parts: ApiParts): Route[] {
  return [...readingRoutes(parts), ...changingRoutes(parts)];
}

function readingRoutes({ store }: ApiParts): Route[] {
  return [
    route({
      method: 'GET',
      path: PRINCIPALS,
      operationId: 'Principals_List',
      summary: 'Service principals and users.',
      action: `${ACTION}/read`,
      handle: async () => ok({ value: (await listPrincipals(store.db)).map(principalView) }),
    }),
    route({
      method: 'GET',
      path: `${PRINCIPALS}/:principal`,
      operationId: 'Principals_Get',
      summary: 'A principal, by its object id.',
      action: `${ACTION}/read`,
      handle: async (request) => ok(principalView(await existing(store.db, request))),
    }),
  ];
}

function changingRoutes({ store, tokens }: ApiParts): Route[] {
  return [
    routeWithBody({
      method: 'POST',
      path: PRINCIPALS,
      operationId: 'Principals_Create',
      summary:
        'Makes a principal, without any right. A secret that is made for it is shown this once.',
      action: `${ACTION}/write`,
      statuses: [201],
      body: newPrincipal,
      handle: async (_, body) => {
        const wanted = readWanted(tokens, body);
        return await store.change(async (change) => {
          await checkFree(change, wanted);
          const made = await createPrincipal(change, wanted);
          const row = await findPrincipal(change, made.objectId);
          if (row === undefined) throw notFound(made.objectId);
          const isShown = wanted.external === undefined && wanted.secret === undefined;
          const secret = isShown ? { clientSecret: made.clientSecret } : {};
          return { status: 201, body: { ...principalView(row), ...secret } };
        });
      },
    }),
    routeWithBody({
      method: 'POST',
      path: `${PRINCIPALS}/:principal/resetSecret`,
      operationId: 'Principals_ResetSecret',
      summary: 'Gives it another secret, which is shown this once, or the password of the body.',
      action: `${ACTION}/secrets/write`,
      statuses: [200],
      isDestructive: true,
      body: z.object({ password: password.nullish() }).nullish(),
      handle: async (request, body) =>
        await store.change(async (change) => {
          const found = await existing(change, request);
          if (found.issuer !== null) throw badRequest(`It signs in at ${found.issuer}.`);
          const wanted = body?.password ?? undefined;
          const secret = await resetSecret(change, found.object_id, wanted);
          const shown = wanted === undefined ? { clientSecret: secret } : {};
          return ok({ ...principalView(found), ...shown });
        }),
    }),
    route({
      method: 'DELETE',
      path: `${PRINCIPALS}/:principal`,
      operationId: 'Principals_Delete',
      summary: 'Removes a principal with all its rights.',
      action: `${ACTION}/delete`,
      statuses: [200, 204],
      isDestructive: true,
      handle: async (request) =>
        await store.change(async (change) => {
          const found = await findPrincipal(change, parameter(request, 'principal'));
          if (found === undefined) return { status: 204 };
          await checkOwnerStays(change, ({ principal_id }) => principal_id !== found.object_id);
          await deletePrincipal(change, found.object_id);
          return ok(principalView(found));
        }),
    }),
  ];
}

/** Throws ArmError. */
function readWanted(tokens: Tokens, body: NewPrincipalBody) {
  const { kind, displayName } = body;
  const [name, secret, issuer, subject] = [body.name, body.password, body.issuer, body.subject].map(
    (one) => one ?? undefined,
  );
  if ((issuer === undefined) !== (subject === undefined)) {
    throw badRequest('issuer and subject belong together.', 'subject');
  }
  if (issuer !== undefined && subject !== undefined) {
    if (name !== undefined || secret !== undefined) {
      throw badRequest('Who signs in at an issuer has no name and no password here.', 'issuer');
    }
    if (!tokens.trustedIssuers.includes(issuer)) {
      const known = tokens.trustedIssuers.join(', ') || 'none';
      throw badRequest(`'${issuer}' is no issuer that this server trusts: ${known}.`, 'issuer');
    }
    // Names that people type have no slash: nobody signs in as this.
    const login = `external/${randomUUID()}`;
    return { kind, displayName, login, external: { issuer, subject } };
  }
  if (kind === 'User' && (name === undefined || secret === undefined)) {
    throw badRequest(
      'A user needs a name and a password.',
      name === undefined ? 'name' : 'password',
    );
  }
  if (kind === 'ServicePrincipal' && (name !== undefined || secret !== undefined)) {
    throw badRequest('Ids and secrets of service principals are made here.', 'name');
  }
  return { kind, displayName, login: name, secret };
}

async function checkFree(
  change: Change,
  { login, external }: ReturnType<typeof readWanted>,
): Promise<void> {
  const isTaken = (await listPrincipals(change)).some((one) => {
    if (external === undefined) return one.login === login?.toLowerCase();
    return one.issuer === external.issuer && one.subject === external.subject;
  });
  if (!isTaken) return;
  const what = external === undefined ? login : `${external.subject} of ${external.issuer}`;
  throw new ArmError(409, 'PrincipalExists', `There is a principal for ${what} already.`);
}

async function existing(db: ApiParts['store']['db'], request: ApiRequest): Promise<PrincipalRow> {
  const found = await findPrincipal(db, parameter(request, 'principal'));
  if (found !== undefined) return found;
  throw notFound(request.path);
}

function principalView(row: PrincipalRow) {
  const { object_id, kind, login, display_name, issuer, subject, created_ms } = row;
  return {
    objectId: object_id,
    ...{ kind, displayName: display_name, createdOn: new Date(created_ms).toISOString() },
    ...(issuer !== null
      ? { issuer, subject }
      : kind === 'User'
        ? { name: login }
        : { clientId: login }),
  };
}
