// Addresses as people write them: `host:port`, `[::1]:port`.

import { AppError } from './errors.ts';

export interface HostPort {
  /** Without brackets. */
  readonly host: string;
  readonly port: number;
}

const HOST_PORT = /^(?:\[([0-9A-Fa-f:.]{2,45}(?:%[\w.-]{1,32})?)\]|([A-Za-z0-9._-]{1,253})):(\d{1,5})$/;

/** True for `host:port` with a port of at most 65535. */
export function isHostPort(text: string): boolean {
  const port = Number(HOST_PORT.exec(text)?.[3] ?? Number.NaN);
  return port <= 65_535;
}

/** @throws {AppError} `config_invalid` */
export function parseHostPort(text: string): HostPort {
  const [, inBrackets, plain, port] = HOST_PORT.exec(text) ?? [];
  const host = inBrackets ?? plain;
  if (host !== undefined && isHostPort(text)) return { host, port: Number(port) };
  throw new AppError('config_invalid', `"${text.slice(0, 300)}" is not an address like 10.0.0.5:5100 or [::1]:5100`);
}

/** The address as text again, an IPv6 address in brackets. */
export function formatHostPort({ host, port }: HostPort): string {
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`;
}

/** True for addresses that other hosts cannot reach. */
export function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || host.startsWith('127.');
}

/** An IPv4 address that a socket for both kinds writes as IPv6, as itself; without the zone of a link-local one. */
export function plainAddress(address: string): string {
  const mapped = /^::ffff:(\d{1,3}(?:\.\d{1,3}){3})$/i.exec(address)?.[1];
  return mapped ?? address.replace(/%.*$/, '');
}
