// The `WWW-Authenticate` header of an upstream (RFC 9110, section 11.6.1): a list of challenges, each a scheme with parameters.
//
//   challenges = challenge *( "," challenge )
//   challenge  = scheme [ SP ( token68 / name "=" ( token / quoted ) *( "," name "=" … ) ) ]

/** What the upstream asks for. */
export interface Challenge {
  /** In lower case: `basic`, `bearer`. */
  readonly scheme: string;
  /** Names in lower case; the first of two of one name counts. */
  readonly parameters: ReadonlyMap<string, string>;
}

/** Longest header that is read, a longer one has no challenge: a token URL and a scope of many repositories fit well. */
const MAX_HEADER_CHARS = 16 * 1024;
const TOKEN = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+/;
const TOKEN68 = /^[A-Za-z0-9._~+/-]+=*(?=[ \t]*(?:,|$))/;
const BLANK = /^[ \t]*/;
const SEPARATORS = /^[ \t,]*/;

/** Reads as many challenges as the header holds, up to where it breaks the grammar. Never throws. */
export function parseChallenges(header: string | undefined): readonly Challenge[] {
  if (header === undefined || header.length > MAX_HEADER_CHARS) return [];
  const challenges: Challenge[] = [];
  let rest = header.replace(SEPARATORS, '');
  while (rest !== '') {
    const scheme = TOKEN.exec(rest)?.[0];
    if (scheme === undefined) break;
    rest = rest.slice(scheme.length);
    if (rest !== '' && !/^[ \t,]/.test(rest)) break;
    const read = readParameters(rest.replace(BLANK, ''));
    challenges.push({ scheme: scheme.toLowerCase(), parameters: read.parameters });
    if (read.isBroken) break;
    rest = read.rest.replace(SEPARATORS, '');
  }
  return challenges;
}

interface ReadParameters {
  readonly parameters: ReadonlyMap<string, string>;
  readonly rest: string;
  readonly isBroken: boolean;
}

function readParameters(text: string): ReadParameters {
  const parameters = new Map<string, string>();
  let rest = text;
  for (;;) {
    const parameter = readParameter(rest);
    if (parameter === 'broken') return { parameters, rest: '', isBroken: true };
    if (parameter === 'none') break;
    if (!parameters.has(parameter.name)) parameters.set(parameter.name, parameter.value);
    rest = parameter.rest.replace(BLANK, '');
    if (rest !== '' && !rest.startsWith(',')) return { parameters, rest, isBroken: true };
    rest = rest.replace(SEPARATORS, '');
  }
  return { parameters, rest: parameters.size === 0 ? rest.replace(TOKEN68, '') : rest, isBroken: false };
}

function readParameter(
  text: string,
): { readonly name: string; readonly value: string; readonly rest: string } | 'none' | 'broken' {
  const name = TOKEN.exec(text)?.[0];
  if (name === undefined) return 'none';
  const afterName = text.slice(name.length).replace(BLANK, '');
  if (!afterName.startsWith('=')) return 'none'; // the scheme of the next challenge
  const afterEquals = afterName.slice(1).replace(BLANK, '');
  if (afterEquals.startsWith('"')) {
    const quoted = readQuoted(afterEquals);
    return quoted === undefined ? 'broken' : { name: name.toLowerCase(), ...quoted };
  }
  const value = TOKEN.exec(afterEquals)?.[0];
  if (value === undefined) return 'none'; // a token68 that ends in `=`
  return { name: name.toLowerCase(), value, rest: afterEquals.slice(value.length) };
}

function readQuoted(text: string): { readonly value: string; readonly rest: string } | undefined {
  let value = '';
  for (let index = 1; index < text.length; index += 1) {
    const character = text[index];
    if (character === '"') return { value, rest: text.slice(index + 1) };
    if (character === '\\') index += 1;
    value += text[index] ?? '';
  }
  return undefined;
}
