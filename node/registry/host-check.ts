// For whom a request to a port on loopback is. A web page can have its name resolve to 127.0.0.1 and then read and push with
// the browser of whoever looks at it (DNS rebinding); only the name in `Host` gives it away. Pure.

import { isIP } from 'node:net';
import { AppError } from '../../shared/runtime/errors.ts';

/**
 * Addresses and `localhost` are always right: no page of others has them for its name. A request without `Host` is of no browser.
 * @param allowed further names; `*` for all. @throws {AppError} `access_denied`
 */
export function checkHost(header: string | undefined, allowed: readonly string[]): void {
  if (header === undefined || allowed.includes('*')) return;
  const host = hostOf(header).toLowerCase();
  const isOwn = host === 'localhost' || host.endsWith('.localhost') || isIP(host) !== 0;
  if (isOwn || allowed.some((name) => name.toLowerCase() === host)) return;
  const shown = host.replaceAll(/[^a-z0-9.-]/g, '?').slice(0, 80);
  throw new AppError(
    'access_denied',
    `this registry listens on loopback and takes requests for localhost, not for ${shown}; if that name is meant, start it with --registry-allowed-hosts ${shown}`,
  );
}

function hostOf(header: string): string {
  return /^\[([^\]]*)\]/.exec(header)?.[1] ?? header.replace(/:\d*$/, '').replace(/\.$/, '');
}
