// Who asks, as far as a request of a route that is none of the registry API tells.

import type { IncomingMessage } from 'node:http';
import type { Asker } from './access.ts';
import type { RegistrySite } from './registry-site.ts';

export function askerOf(
  site: Pick<RegistrySite, 'baseUrl' | 'clientAddress' | 'peerAddress'>,
  raw: IncomingMessage,
): Asker {
  const { authorization } = raw.headers;
  return {
    authorization,
    baseUrl: site.baseUrl(raw),
    clientAddress: site.clientAddress(raw),
    peerAddress: site.peerAddress(raw),
  };
}
