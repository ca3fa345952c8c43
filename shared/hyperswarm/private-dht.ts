// The only door to HyperDHT. Left to itself the package joins a public network: its bootstrap nodes are used when `bootstrap` is
// absent, null or false. Here it must be a list with at least one address of the fleet, so that nothing ever leaves it.

import { isIPv4 } from 'node:net';
import type HyperDHT from 'hyperdht';
import type { DhtOptions } from 'hyperdht';
import type { Clock } from '../runtime/clock.ts';
import { AppError } from '../runtime/errors.ts';
import { parseHostPort, type HostPort } from '../runtime/host-port.ts';
import type { HyperswarmPackages } from './load-packages.ts';

/** Saying good-bye to the other DHT nodes takes milliseconds, and seconds when they are gone; then it is left. */
const DESTROY_MS = 1000;

/** @throws {AppError} `config_invalid` unless `bootstrap` lists at least one `IPv4:port`, and nothing else. */
export function openPrivateDht(
  { HyperDHT }: Pick<HyperswarmPackages, 'HyperDHT'>,
  options: Omit<DhtOptions, 'bootstrap' | 'anyPort'> & { readonly bootstrap: readonly string[] },
): HyperDHT {
  return new HyperDHT({ ...options, anyPort: false, bootstrap: parseBootstrap(options.bootstrap) });
}

/**
 * A first node of a private DHT, which others use as bootstrap. It knows nobody by itself, and nobody is asked.
 * @param at where others reach it; its host is an address and no name.
 */
export function openBootstrapNode(
  { HyperDHT }: Pick<HyperswarmPackages, 'HyperDHT'>,
  at: { readonly port: number; readonly host: string; readonly bindHost: string },
): HyperDHT {
  requireIpv4(at);
  return HyperDHT.bootstrapper(at.port, at.host, { bootstrap: [], host: at.bindHost });
}

/**
 * Ends a DHT node, at the latest after a second; then by force. Never rejects.
 * @param user what uses the node and is ended first, taking the node with it; by itself it would wait for nodes that are gone.
 */
export async function destroyInTime(dht: HyperDHT, clock: Clock, user: Destroyable = dht): Promise<void> {
  const stop = new AbortController();
  const ended = user.destroy().then(
    () => true,
    () => false,
  );
  const late = clock.sleep(DESTROY_MS, stop.signal).then(
    () => false,
    () => true, // stopped: the other one decided
  );
  const isDone = await Promise.race([ended, late]);
  stop.abort();
  if (isDone) return;
  await dht.destroy({ force: true }).catch(() => undefined); // nothing is left to do about a socket that does not close
}

interface Destroyable {
  destroy(): Promise<void>;
}

function parseBootstrap(bootstrap: unknown): HostPort[] {
  if (!Array.isArray(bootstrap) || bootstrap.length === 0) {
    throw new AppError('config_invalid', 'a private DHT needs at least one bootstrap address of the fleet');
  }
  return bootstrap.map((text: unknown) => {
    const at = parseHostPort(String(text));
    requireIpv4(at);
    return at;
  });
}

function requireIpv4({ host, port }: HostPort): void {
  if (isIPv4(host) && host !== '0.0.0.0' && port > 0) return;
  throw new AppError('config_invalid', `hyperswarm needs an IPv4 address and a port, not "${host}:${port}"`);
}
