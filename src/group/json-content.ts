// What a JSON text says, whatever the order of its members and the space in between: regions that show the same
// document may list its members in different orders. Numbers keep their digits.

const TOKEN = /"(?:[^"\\]|\\.)*"|[{}[\],:]|[^\s{}[\],:"]+/g;

/** The text with the members of every object in the order of their names. `text` is JSON that an engine wrote. */
export function canonicalJson(text: string): string {
  return valueFrom(text.matchAll(TOKEN), undefined);
}

type Tokens = Iterator<RegExpExecArray>;

function next(tokens: Tokens): string {
  const { done, value } = tokens.next();
  return done === true ? '' : value[0];
}

/** `first`: its first token, if that is taken already. */
function valueFrom(tokens: Tokens, first: string | undefined): string {
  const token = first ?? next(tokens);
  if (token === '[') return `[${partsFrom(tokens, elementFrom).join(',')}]`;
  if (token === '{') return `{${partsFrom(tokens, memberFrom).sort().join(',')}}`;
  return token;
}

type Part = (tokens: Tokens, first: string) => string;

const elementFrom: Part = valueFrom;

const memberFrom: Part = (tokens, name) => {
  next(tokens);
  return `${name}:${valueFrom(tokens, undefined)}`;
};

/** Up to where the object or array ends. */
function partsFrom(tokens: Tokens, partFrom: Part): string[] {
  const parts: string[] = [];
  for (let token = next(tokens); token !== '' && !/^[\]}]$/.test(token); token = next(tokens)) {
    if (token !== ',') parts.push(partFrom(tokens, token));
  }
  return parts;
}
