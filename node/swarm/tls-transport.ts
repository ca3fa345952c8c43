// Peers over mutual TLS 1.3 on TCP. Both ends show a certificate of the fleet's own authority; the node's id stands in it.

import type { AddressInfo, OnReadOpts } from 'node:net';
import { connect, createServer, type ConnectionOptions, type Server, type TLSSocket } from 'node:tls';
import { identityOf } from '../../shared/identity/certificate-names.ts';
import type { TlsMaterial } from '../../shared/identity/tls-material.ts';
import type { Peer } from '../../shared/protocol/peer-shape.ts';
import { AppError } from '../../shared/runtime/errors.ts';
import { parseHostPort } from '../../shared/runtime/host-port.ts';
import { joinSignals } from '../../shared/runtime/joined-signal.ts';
import type { Logger } from '../../shared/runtime/log.ts';
import type { PeerStream, Transport, TransportListener, TransportName } from './transport.ts';

export interface TlsTransportOptions {
  /** `host:port` to listen on; port 0 takes a free one. */
  readonly listen: string;
  readonly fleetId: string;
  /** Handshakes and connections of others that are open at a time; more are refused by the socket. Default 512. */
  readonly maxSockets?: number;
  /** From the first byte to the end of the handshake, for both sides. Default 3000: a LAN needs milliseconds. */
  readonly handshakeTimeoutMs?: number;
}

const ALPN = 'shoal-peer/1';
/** The cheapest first: peers are equals and the traffic is bulk. */
const CIPHERS = 'TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256';
const TRANSPORT_NAME: TransportName = 'tls';
/** Room for what one read of a TLS socket gives: a record of 16 KiB, with some to spare. */
const CHUNK_BYTES = 64 * 1024;

export class TlsTransport implements Transport {
  readonly name = TRANSPORT_NAME;
  readonly #tls: () => TlsMaterial;
  readonly #log: Logger;
  readonly #options: Required<TlsTransportOptions>;
  #server: Server | undefined;

  /** @param deps.tls read at every dial and at `renew`, so that a renewed certificate is taken up. */
  constructor(deps: { readonly tls: () => TlsMaterial; readonly log: Logger }, options: TlsTransportOptions) {
    this.#tls = deps.tls;
    this.#log = deps.log.child({ part: 'swarm', transport: TRANSPORT_NAME });
    this.#options = { maxSockets: 512, handshakeTimeoutMs: 3000, ...options };
  }

  async listen(onStream: (opened: PeerStream) => void): Promise<TransportListener> {
    const { host, port } = parseHostPort(this.#options.listen);
    const server = createServer({
      ...this.#context(),
      requestCert: true,
      rejectUnauthorized: true,
      handshakeTimeout: this.#options.handshakeTimeoutMs,
      noDelay: true,
    });
    server.maxConnections = this.#options.maxSockets;
    server.on('secureConnection', (socket) => this.#accept(socket, onStream));
    server.on('tlsClientError', (error) => this.#log.debug({ err: error }, 'handshake of a peer failed'));
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject);
      server.listen({ host, port }, () => {
        server.removeListener('error', reject);
        resolve();
      });
    });
    server.on('error', (error: Error) => this.#log.error({ err: error }, 'peer listener failed'));
    this.#server = server;
    const bound = server.address() as AddressInfo;
    const bracketed = bound.family === 'IPv6' ? `[${bound.address}]` : bound.address;
    return {
      address: `${bracketed}:${bound.port}`,
      [Symbol.asyncDispose]: () => this.#close(server),
    };
  }

  /** Takes up a renewed certificate for connections to come. */
  renew(): void {
    this.#server?.setSecureContext(this.#context());
  }

  async dial(peer: Pick<Peer, 'nodeId' | 'address'>, signal: AbortSignal): Promise<PeerStream> {
    signal.throwIfAborted();
    const { host, port } = parseHostPort(peer.address);
    const chunk = Buffer.allocUnsafeSlow(CHUNK_BYTES);
    // The acceptor says nothing before our hello, so that nothing arrives before somebody takes it.
    let take: (bytes: Buffer) => void = () => undefined;
    const options: ConnectionOptions & { readonly onread: OnReadOpts } = {
      // One buffer for all that arrives: a fresh one per TLS record keeps the garbage collector busy at a gigabyte per second.
      onread: {
        buffer: chunk,
        callback: (bytes) => {
          take(chunk.subarray(0, bytes));
          return true;
        },
      },
      ...this.#context(),
      host,
      port,
      rejectUnauthorized: true,
      // Who it is stands in the certificate's URI, checked below; hosts have no certified names in a fleet.
      checkServerIdentity: () => undefined,
    };
    const socket = connect(options);
    try {
      await this.#secured(socket, signal);
    } catch (error) {
      socket.destroy();
      throw dialFailure(error, peer);
    }
    const nodeId = this.#identify(socket);
    if (nodeId !== peer.nodeId) {
      socket.destroy();
      throw new AppError('identity_refused', 'another node answered at this address', {
        detail: { wanted: peer.nodeId, answered: nodeId ?? 'nobody of this fleet' },
      });
    }
    const receive = (taker: (bytes: Buffer) => void): void => {
      take = taker;
    };
    return { ...this.#opened(socket, nodeId), receive };
  }

  #accept(socket: TLSSocket, onStream: (opened: PeerStream) => void): void {
    socket.on('error', () => socket.destroy());
    const nodeId = this.#identify(socket);
    if (nodeId === undefined) {
      this.#log.warn({ address: socket.remoteAddress }, 'refused a connection that is no node of this fleet');
      socket.destroy();
      return;
    }
    onStream(this.#opened(socket, nodeId));
  }

  #opened(socket: TLSSocket, nodeId: string): PeerStream {
    socket.setNoDelay(true);
    return { stream: socket, nodeId, transport: TRANSPORT_NAME };
  }

  /** The node at the other end; undefined when it is none of this fleet or speaks something else. */
  #identify(socket: TLSSocket): string | undefined {
    if (!socket.authorized || socket.alpnProtocol !== ALPN) return undefined;
    const identity = identityOf(socket.getPeerCertificate());
    const isOurs = identity?.role === 'node' && identity.fleetId === this.#options.fleetId;
    return isOurs ? identity.id : undefined;
  }

  #context() {
    const { cert, key, ca } = this.#tls();
    return { cert, key, ca, minVersion: 'TLSv1.3' as const, ciphers: CIPHERS, ALPNProtocols: [ALPN] };
  }

  async #secured(socket: TLSSocket, signal: AbortSignal): Promise<void> {
    using joined = joinSignals([signal, AbortSignal.timeout(this.#options.handshakeTimeoutMs)]);
    const ended = joined.signal;
    await new Promise<void>((resolve, reject) => {
      const onAbort = (): void => {
        socket.destroy();
        reject(ended.reason);
      };
      ended.addEventListener('abort', onAbort, { once: true });
      socket.once('secureConnect', () => resolve());
      socket.once('close', () => reject(new Error('closed during the handshake')));
      socket.on('error', (error) => reject(error));
    });
  }

  async #close(server: Server): Promise<void> {
    this.#server = undefined;
    // Sockets that were handed over belong to others and end with them; waiting for them here could wait for ever.
    server.close();
    await Promise.resolve();
  }
}

function dialFailure(error: unknown, peer: Pick<Peer, 'nodeId' | 'address'>): AppError {
  return new AppError('blob_unavailable', 'peer cannot be reached', {
    cause: error,
    detail: { peer: peer.nodeId, address: peer.address },
  });
}
