// What a token says: the claims that count here, checked once, whoever signed it.

import type { AccessNeed, Action } from '../registry/access.ts';
import type { Scope } from './scope.ts';

/** Entries of `access` that are read; a token with more grants no more. */
const MAX_ACCESS_ENTRIES = 200;

export interface TokenClaims {
  /** Empty for nobody in particular. */
  readonly subject: string;
  readonly access: readonly Scope[];
  /** Seconds since 1970. */
  readonly expiresAt: number;
}

/** The `access` claim; missing or malformed entries grant nothing. Never throws. */
export function parseAccessClaim(value: unknown): Scope[] {
  if (!Array.isArray(value)) return [];
  const scopes: Scope[] = [];
  for (const entry of value.slice(0, MAX_ACCESS_ENTRIES) as unknown[]) {
    if (typeof entry !== 'object' || entry === null) continue;
    const { type, name, actions } = entry as Record<string, unknown>;
    if (typeof type !== 'string' || typeof name !== 'string' || !Array.isArray(actions)) continue;
    scopes.push({ type, name, actions: actions.filter((action): action is string => typeof action === 'string') });
  }
  return scopes;
}

/** Whether a token's entries cover what a request needs; several entries for one name add up, and `*` is every action. */
export function covers(access: readonly Scope[], need: AccessNeed): boolean {
  if (need.type === 'base' || need.type === 'login') return true;
  const [type, name] = need.type === 'catalog' ? ['registry', 'catalog'] : ['repository', need.repository];
  const actions = new Set(
    access.filter((scope) => scope.type === type && scope.name === name).flatMap((scope) => scope.actions),
  );
  if (need.type === 'catalog') return actions.has('*');
  const has = (action: Action): boolean => actions.has(action) || actions.has('*');
  return 'allOf' in need ? need.allOf.every(has) : need.anyOf.some(has);
}
