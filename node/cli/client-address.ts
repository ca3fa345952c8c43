// How a person on this host writes an address that a server listens on.

import { formatHostPort, parseHostPort } from '../../shared/runtime/host-port.ts';

const HERE = new Set(['127.0.0.1', '::1', '0.0.0.0', '::', '']);

/** `localhost:5000` for what listens on loopback or everywhere: docker takes plain HTTP there without being told. */
export function clientHost(listenAddress: string): string {
  const { host, port } = parseHostPort(listenAddress);
  return HERE.has(host) ? `localhost:${port}` : formatHostPort({ host, port });
}
