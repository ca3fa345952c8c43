// Scopes of the token protocol: `repository:team/app:pull,push`, several separated by spaces (A-2, section "Scope grammar" of
// the distribution project's token specification).

/** What a client asks for, or a token allows. */
export interface Scope {
  readonly type: string;
  /** May hold a host with a port, so it may contain one colon. */
  readonly name: string;
  readonly actions: readonly string[];
}

/** Items that are read, the rest is not granted: docker asks for two, for a push with a mount. */
const MAX_SCOPES = 50;
/** Longest text that is read. */
const MAX_SCOPE_CHARS = 8 * 1024;

/** Never throws; what does not follow the grammar is left out, since it is not granted. */
export function parseScopes(texts: readonly string[]): Scope[] {
  const scopes: Scope[] = [];
  for (const text of texts) {
    if (text.length > MAX_SCOPE_CHARS) continue;
    for (const item of text.split(' ')) {
      const scope = parseScope(item);
      if (scope !== undefined && scopes.length < MAX_SCOPES) scopes.push(scope);
    }
  }
  return scopes;
}

function parseScope(item: string): Scope | undefined {
  const first = item.indexOf(':');
  const last = item.lastIndexOf(':');
  if (first < 0 || first === last) return undefined;
  const type = /^([a-z0-9]+)(?:\([a-z0-9]+\))?$/.exec(item.slice(0, first))?.[1];
  const name = item.slice(first + 1, last);
  const actions = item.slice(last + 1).split(',');
  if (type === undefined || name === '' || !actions.every((action) => /^(?:[a-z]+|\*)$/.test(action))) return undefined;
  return { type, name, actions };
}

export function formatScope({ type, name, actions }: Scope): string {
  return `${type}:${name}:${actions.join(',')}`;
}
