// The `Authorization` header of a request (RFC 7235, RFC 7617, RFC 6750).

export type Credentials =
  | { readonly type: 'none' }
  | { readonly type: 'basic'; readonly user: string; readonly password: string }
  | { readonly type: 'bearer'; readonly token: string }
  /** There is one, and nobody can tell what it says. */
  | { readonly type: 'malformed' };

/** Longest header that is looked at, a longer one counts as malformed: tokens with many scopes get long. */
const MAX_HEADER_CHARS = 16 * 1024;
/** Longest user name, nobody can have a longer one: names are remembered when a password is wrong. bcrypt itself reads 72 bytes of a password. */
export const MAX_USER_CHARS = 256;

/**
 * Never throws. `Basic` with an empty user and an empty password counts as none; schemes are read in any case.
 */
export function parseAuthorization(header: string | undefined): Credentials {
  if (header === undefined || header === '') return { type: 'none' };
  if (header.length > MAX_HEADER_CHARS) return { type: 'malformed' };
  const space = header.indexOf(' ');
  const scheme = (space < 0 ? header : header.slice(0, space)).toLowerCase();
  const value = space < 0 ? '' : header.slice(space + 1).trim();
  if (scheme === 'bearer') return isToken(value) ? { type: 'bearer', token: value } : { type: 'malformed' };
  if (scheme === 'basic') return parseBasic(value);
  return { type: 'malformed' };
}

function isToken(value: string): boolean {
  return /^[A-Za-z0-9._~+/=-]+$/.test(value);
}

function parseBasic(value: string): Credentials {
  if (!/^[A-Za-z0-9+/_-]*={0,2}$/.test(value)) return { type: 'malformed' };
  const text = Buffer.from(value, 'base64').toString('utf8');
  const colon = text.indexOf(':');
  if (colon < 0) return { type: 'malformed' };
  const user = text.slice(0, colon);
  const password = text.slice(colon + 1);
  if (user === '' && password === '') return { type: 'none' };
  if (user.length > MAX_USER_CHARS) return { type: 'malformed' };
  return { type: 'basic', user, password };
}
