// Patterns of repository names: `*` stands for anything within one segment, `**` for anything at all. Matched without regular
// expressions, in time that grows with pattern times name at most, since patterns come from people.

/** True for a pattern that can match a repository name. */
export function isRepositoryGlob(text: string): boolean {
  return text.length > 0 && text.length <= MAX_GLOB_CHARS && /^[a-z0-9._/*-]+$/.test(text);
}

/** Longest pattern, a longer one is refused: a repository name has 255 characters at most. */
const MAX_GLOB_CHARS = 300;

/** Whether a pattern matches a whole name. */
export function matchesGlob(pattern: string, name: string): boolean {
  // Most patterns are a name, or its beginning and `**`: no step-by-step matching for each request.
  const star = pattern.indexOf('*');
  if (star === -1) return pattern === name;
  if (!name.startsWith(pattern.slice(0, star))) return false;
  return pattern.length === star + 2 && pattern.endsWith('**') ? true : matchesBySteps(pattern, name);
}

function matchesBySteps(pattern: string, name: string): boolean {
  // `reached[i]`: the part of the pattern read so far matches the first i characters of the name.
  let reached = new Uint8Array(name.length + 1);
  reached[0] = 1;
  for (let at = 0; at < pattern.length; at += 1) {
    if (pattern[at] !== '*') {
      reached = step(reached, name, pattern[at] ?? '');
      continue;
    }
    const crosses = pattern[at + 1] === '*';
    if (crosses) at += 1;
    reached = spread(reached, name, crosses);
  }
  return reached[name.length] === 1;
}

function step(reached: Uint8Array, name: string, char: string): Uint8Array<ArrayBuffer> {
  const next = new Uint8Array(name.length + 1);
  for (let i = 0; i < name.length; i += 1) if (reached[i] === 1 && name[i] === char) next[i + 1] = 1;
  return next;
}

function spread(reached: Uint8Array, name: string, crosses: boolean): Uint8Array<ArrayBuffer> {
  const next = new Uint8Array(name.length + 1);
  for (let i = 0; i <= name.length; i += 1) {
    const isContinued = i > 0 && next[i - 1] === 1 && (crosses || name[i - 1] !== '/');
    if (reached[i] === 1 || isContinued) next[i] = 1;
  }
  return next;
}
