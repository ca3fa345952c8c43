// What we use of the hyperswarm packages, which ship no types. Names and shapes were checked against hyperswarm 4.17,
// hyperdht 6.34 and blind-relay 1.6; see also load-packages.ts.

declare module 'hyperdht' {
  import type { EventEmitter } from 'node:events';

  interface Address {
    readonly host: string;
    readonly port: number;
  }

  interface KeyPair {
    /** 32 bytes. */
    readonly publicKey: Buffer;
    /** 64 bytes. */
    readonly secretKey: Buffer;
  }

  /** The UDP stream under a connection. */
  interface RawStream extends EventEmitter {
    readonly remoteHost: string;
    readonly remotePort: number;
    readonly bytesTransmitted: number;
    readonly bytesReceived: number;
    destroy(error?: Error): void;
  }

  /** An encrypted connection; a streamx duplex, which is no stream of Node's. */
  interface SecretStream extends EventEmitter {
    readonly publicKey: Buffer;
    /** Proven by the handshake. */
    readonly remotePublicKey: Buffer;
    /** 64 bytes, equal at both ends and different for each connection; null before it is open. */
    readonly handshakeHash: Buffer | null;
    readonly isInitiator: boolean;
    readonly opened: Promise<boolean>;
    readonly rawStream: RawStream | null;
    readonly destroyed: boolean;
    write(bytes: Uint8Array): boolean;
    end(): void;
    destroy(error?: Error): void;
    pause(): void;
    resume(): void;
  }

  /** What the other end says in its handshake; only what we look at. */
  interface HandshakePayload {
    readonly relayThrough?: { readonly publicKey: Buffer } | null;
  }

  interface Server extends EventEmitter {
    listen(keyPair?: KeyPair): Promise<this>;
    close(): Promise<void>;
    /** Announces the key anew within some seconds; by itself it does so every five minutes, or when it has lost its relays. */
    refresh(): void;
    readonly publicKey: Buffer | null;
    readonly relayAddresses: readonly Address[];
  }

  interface LookupReply {
    readonly peers: ReadonlyArray<{ readonly publicKey: Buffer }>;
  }

  interface Query extends AsyncIterable<LookupReply> {
    finished(): Promise<void>;
    destroy(): void;
  }

  interface DhtOptions {
    readonly bootstrap: ReadonlyArray<Address | string>;
    readonly port?: number;
    readonly host?: string;
    readonly anyPort?: boolean;
    readonly firewalled?: boolean;
    readonly ephemeral?: boolean;
    readonly keyPair?: KeyPair;
    readonly connectionKeepAlive?: number | false;
  }

  class HyperDHT extends EventEmitter {
    constructor(options: DhtOptions);
    static bootstrapper(port: number, host: string, options?: Partial<DhtOptions>): HyperDHT;
    static keyPair(seed?: Buffer): KeyPair;
    readonly port: number;
    readonly firewalled: boolean;
    readonly ephemeral: boolean;
    readonly randomized: boolean;
    readonly destroyed: boolean;
    readonly nodes: { readonly length: number };
    readonly defaultKeyPair: KeyPair;
    /** Resolves when it listens. */
    bind(): Promise<void>;
    fullyBootstrapped(): Promise<void>;
    connect(
      publicKey: Buffer,
      options?: { readonly keyPair?: KeyPair; readonly relayThrough?: Buffer | null },
    ): SecretStream;
    createServer(
      options: {
        readonly firewall?: (publicKey: Buffer, payload: HandshakePayload, address: Address) => boolean;
        readonly shareLocalAddress?: boolean;
      },
      onConnection?: (stream: SecretStream) => void,
    ): Server;
    createRawStream(options: object): RawStream;
    lookup(topic: Buffer): Query;
    announce(topic: Buffer, keyPair: KeyPair, relayAddresses: readonly Address[]): Query;
    remoteAddress(): Address | null;
    address(): Address | null;
    destroy(options?: { readonly force?: boolean }): Promise<void>;
  }

  export default HyperDHT;
  export type { Address, DhtOptions, HandshakePayload, KeyPair, Query, RawStream, SecretStream, Server };
}

declare module 'hyperswarm' {
  import type { EventEmitter } from 'node:events';
  import type HyperDHT from 'hyperdht';
  import type { HandshakePayload, KeyPair, Server } from 'hyperdht';

  interface PeerInfo {
    readonly publicKey: Buffer;
    ban(isBanned: boolean): void;
  }

  interface Discovery {
    flushed(): Promise<boolean>;
    refresh(): Promise<boolean>;
    destroy(): Promise<void>;
  }

  /** Events: `connection` (SecretStream, PeerInfo), `ban` (PeerInfo, Error). */
  class Hyperswarm extends EventEmitter {
    constructor(options: {
      readonly dht: HyperDHT;
      readonly keyPair: KeyPair;
      /** True denies. Must not be asynchronous. `payload` is null before a dial of the package's own. */
      readonly firewall: (publicKey: Buffer, payload: HandshakePayload | null) => boolean;
      readonly maxPeers?: number;
    });
    readonly dht: HyperDHT;
    readonly server: Server;
    readonly peers: Map<string, PeerInfo>;
    join(topic: Buffer, options: { readonly server: boolean; readonly client: boolean }): Discovery;
    destroy(options?: { readonly force?: boolean }): Promise<void>;
  }

  export default Hyperswarm;
  export type { Discovery, PeerInfo };
}

declare module 'blind-relay' {
  import type { EventEmitter } from 'node:events';
  import type { RawStream, SecretStream } from 'hyperdht';

  /** One client of a relay. Event `pair` (isInitiator, token, stream, remoteId), `error`, `close`. */
  interface RelaySession extends EventEmitter {
    destroy(error?: Error): void;
  }

  class Server extends EventEmitter {
    constructor(options: { readonly createStream: (options: object) => RawStream });
    readonly stats: { readonly pairings: { readonly pending: number; readonly active: number } };
    accept(stream: SecretStream, options: { readonly id: Buffer }): RelaySession;
    close(): Promise<void>;
  }

  const blindRelay: { readonly Server: typeof Server };
  export default blindRelay;
  export type { RelaySession };
  export type { Server as RelayServer };
}
