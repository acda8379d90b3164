// The page on which a user enters a device code, a name and a password. One form, no scripts, no cookies; nothing on
// it comes from elsewhere.

/** Programs that people know, by the ids that they sign in with. */
const PROGRAMS: Readonly<Record<string, string>> = {
  '04b07795-8ddb-461a-bbee-02f9e1bf7b46': 'Azure CLI',
  '1950a258-227b-4e31-a9cf-717495945fc2': 'Azure PowerShell',
};

export const PAGE_HEADERS = {
  'content-type': 'text/html; charset=utf-8',
  'cache-control': 'no-store',
  'content-security-policy':
    "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
  'x-frame-options': 'DENY',
  'x-content-type-options': 'nosniff',
  'referrer-policy': 'no-referrer',
} as const;

const STYLE = `
  body { font: 16px/1.5 system-ui, sans-serif; margin: 0; background: #f3f4f6; color: #111827; }
  main { max-width: 22rem; margin: 12vh auto; padding: 2rem; background: #fff; border-radius: 8px;
    box-shadow: 0 1px 4px #0003; }
  h1 { font-size: 1.25rem; margin: 0 0 1rem; }
  label { display: block; margin: 0.75rem 0 0.25rem; }
  input { box-sizing: border-box; width: 100%; padding: 0.5rem; font: inherit; border: 1px solid #6b7280;
    border-radius: 4px; }
  button { margin-top: 1.25rem; width: 100%; padding: 0.6rem; font: inherit; color: #fff; background: #0b5cad;
    border: 0; border-radius: 4px; cursor: pointer; }
  [role=alert] { color: #b00020; }
  @media (prefers-color-scheme: dark) {
    body { background: #111827; color: #f3f4f6; } main { background: #1f2937; }
    input { background: #111827; color: inherit; } [role=alert] { color: #ff8a80; }
  }`;

/** `trouble`: why the last attempt did not work. */
export function signInPage(entered: {
  readonly userCode?: string;
  readonly name?: string;
  readonly trouble?: string;
}): string {
  const { userCode = '', name = '', trouble } = entered;
  return page(
    'Sign in',
    `<p>Enter the code that a program shows you, and who you are. Enter none that you did not ask for yourself:
    whoever has shown it acts in your name.</p>
    ${trouble === undefined ? '' : `<p role="alert">${escaped(trouble)}</p>`}
    <form method="post" action="/devicelogin">
      <label for="user_code">Code</label>
      <input id="user_code" name="user_code" value="${escaped(userCode)}" required maxlength="20"
        autocomplete="off" autocapitalize="characters" spellcheck="false">
      <label for="name">Name</label>
      <input id="name" name="name" value="${escaped(name)}" required maxlength="200" autocomplete="username">
      <label for="password">Password</label>
      <input id="password" name="password" type="password" required maxlength="500"
        autocomplete="current-password">
      <button>Sign in</button>
    </form>`,
  );
}

export function signedInPage(name: string, clientId: string): string {
  const program = PROGRAMS[clientId.toLowerCase()] ?? `the program ${clientId}`;
  return page(
    'Signed in',
    `<p>You are signed in as ${escaped(name)} in ${escaped(program)}. You can close this page.</p>`,
  );
}

function page(title: string, content: string): string {
  return `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>${title} - Atoll</title><style>${STYLE}</style></head>
<body><main><h1>${title}</h1>${content}</main></body></html>
`;
}

function escaped(text: string): string {
  return text.replace(/[&<>"']/g, (one) => `&#${one.charCodeAt(0)};`);
}
