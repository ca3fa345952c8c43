// The `WWW-Authenticate` header of a refusal.

import type { AccessNeed } from '../registry/access.ts';
import { AppError } from '../../shared/runtime/errors.ts';
import { formatScope, type Scope } from './scope.ts';

/** Why a token was not enough. Clients act on the difference. */
export type TokenFault = 'invalid_token' | 'insufficient_scope';

/** A refusal that asks for a password. */
export function basicRefusal(realm: string): AppError {
  return new AppError('credentials_required', 'a login is needed; run docker login, or give a user and a password', {
    detail: { challenge: `Basic realm="${quotable(realm)}"` },
  });
}

/** A refusal that says where to get a token, and for what. */
export function bearerRefusal(
  at: { readonly realm: string; readonly service: string },
  needs: readonly AccessNeed[],
  fault?: TokenFault,
): AppError {
  const scope = scopeOf(needs);
  const parts = [`realm="${quotable(at.realm)}"`, `service="${quotable(at.service)}"`];
  if (scope !== '') parts.push(`scope="${scope}"`);
  if (fault !== undefined) parts.push(`error="${fault}"`);
  const message =
    fault === 'insufficient_scope'
      ? 'this login may not do that here; ask who runs this registry for the right'
      : 'a login is needed; run docker login, or get a token';
  return new AppError('credentials_required', message, { detail: { challenge: `Bearer ${parts.join(',')}` } });
}

/** Several scopes stand in one value, separated by a space. */
function scopeOf(needs: readonly AccessNeed[]): string {
  return needs
    .flatMap((need): Scope[] => {
      if (need.type === 'base' || need.type === 'login') return [];
      if (need.type === 'catalog') return [{ type: 'registry', name: 'catalog', actions: ['*'] }];
      const actions = 'allOf' in need ? need.allOf : need.anyOf;
      return [{ type: 'repository', name: need.repository, actions }];
    })
    .map(formatScope)
    .join(' ');
}

/** Settings may hold anything; a quote would end the value. */
function quotable(text: string): string {
  return text.replaceAll(/["\\\r\n]/g, '');
}
