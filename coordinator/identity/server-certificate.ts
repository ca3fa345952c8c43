// Keeps a running coordinator's certificates fresh: looks once in a while, swaps without closing a connection.

import type { TlsMaterial } from '../../shared/identity/tls-material.ts';
import type { Clock } from '../../shared/runtime/clock.ts';
import type { Logger } from '../../shared/runtime/log.ts';
import type { Authority } from './authority.ts';

/** How often the own certificates are looked at: a sixtieth of the 30 days that one still has when it becomes due. */
const CHECK_EVERY_MS = 12 * 60 * 60 * 1000;

/**
 * Looks every twelve hours whether the server's or the administrator's certificate is due.
 * @param options.apply takes a new server certificate: `(tls) => server.setSecureContext(tls)`. Running connections stay.
 * @param options.applyAdmin takes the administrator's; called at each look, changed or not.
 * @returns stops the looking.
 */
export function keepCertificatesFresh(
  deps: { readonly authority: Authority; readonly clock: Clock; readonly log: Logger },
  options: {
    readonly hosts: readonly string[];
    readonly current: TlsMaterial;
    readonly apply: (tls: TlsMaterial) => void;
    readonly applyAdmin: (tls: TlsMaterial) => Promise<void>;
  },
): AsyncDisposable {
  const stopping = new AbortController();
  const running = keepLooking(deps, options, stopping.signal);
  return {
    async [Symbol.asyncDispose]() {
      stopping.abort();
      await running;
    },
  };
}

async function keepLooking(
  deps: Parameters<typeof keepCertificatesFresh>[0],
  options: Parameters<typeof keepCertificatesFresh>[1],
  signal: AbortSignal,
): Promise<void> {
  let { current } = options;
  while (!signal.aborted) {
    try {
      await deps.clock.sleep(CHECK_EVERY_MS, signal);
      const fresh = await deps.authority.serverTls(options.hosts);
      if (fresh.cert !== current.cert) options.apply(fresh);
      current = fresh;
      await options.applyAdmin(await deps.authority.adminTls());
    } catch (err) {
      if (!signal.aborted)
        deps.log.error({ err }, 'could not renew a certificate of the coordinator; trying again later');
    }
  }
}
