// A relay for pairs of nodes that cannot reach each other: they dial it, name the same random number, and what one sends to it over
// UDP goes to the other, ciphertext all the way. The package has no limits; all that bound it are here.

import type { RawStream, SecretStream, KeyPair } from 'hyperdht';
import type { RelayServer, RelaySession } from 'blind-relay';
import type HyperDHT from 'hyperdht';
import type { HyperswarmPackages } from '../../shared/hyperswarm/load-packages.ts';
import { noiseKeyText } from '../../shared/hyperswarm/noise-key.ts';
import type { Clock, Scheduled } from '../../shared/runtime/clock.ts';
import type { Logger } from '../../shared/runtime/log.ts';

/** From a client's connection to its pair; then it is hung up on. The other side dials at once, or is not there. */
const PAIRING_MS = 10_000;
/** How often rates, waiting pairs and membership are looked at. */
const LOOK_MS = 1000;
/** What a client may send beyond the rate, as time at that rate: a node smooths what it sends over a second or so. */
const BURST_SECONDS = 4;

export interface RelayDeps {
  readonly packages: Pick<HyperswarmPackages, 'blindRelay'>;
  readonly dht: HyperDHT;
  readonly clock: Clock;
  readonly log: Logger;
  /** Only members are answered, for as long as they are members. */
  readonly isMember: (noiseKey: string) => boolean;
}

export interface RelayOptions {
  readonly keyPair: KeyPair;
  /** Pairs at a time; who comes when there are so many is not answered. */
  readonly maxPairs: number;
  /** What one client may send, over time; beyond it its pair is cut. */
  readonly bytesPerSecond: number;
}

interface Client {
  readonly socket: SecretStream;
  readonly session: RelaySession;
  readonly deadline: Scheduled;
  stream: RawStream | undefined;
  /** Bytes that it may still send; grows with time. */
  allowance: number;
  seenBytes: number;
}

export class Relay implements AsyncDisposable {
  readonly #deps: RelayDeps;
  readonly #options: RelayOptions;
  readonly #server: RelayServer;
  readonly #clients = new Set<Client>();
  #timer: Scheduled | undefined;

  private constructor(deps: RelayDeps, options: RelayOptions) {
    this.#deps = deps;
    this.#options = options;
    this.#server = new deps.packages.blindRelay.Server({
      createStream: (stream) => deps.dht.createRawStream({ ...stream, framed: true }),
    });
  }

  /** Answers clients under `options.keyPair`. The DHT node belongs to the caller and ends after this. */
  static async open(deps: RelayDeps, options: RelayOptions): Promise<Relay> {
    const relay = new Relay(deps, options);
    const server = deps.dht.createServer(
      { shareLocalAddress: false, firewall: (key) => !relay.#admits(noiseKeyText(key)) },
      (socket) => relay.#accept(socket),
    );
    await server.listen(options.keyPair);
    relay.#look();
    return relay;
  }

  get clientCount(): number {
    return this.#clients.size;
  }

  get pairCount(): number {
    return this.#server.stats.pairings.active;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#timer?.cancel();
    for (const { socket } of this.#clients) socket.destroy();
    await Promise.resolve();
  }

  #admits(noiseKey: string): boolean {
    return this.#deps.isMember(noiseKey) && this.#clients.size < 2 * this.#options.maxPairs;
  }

  #accept(socket: SecretStream): void {
    socket.on('error', () => undefined); // it closes then, which is what counts
    const session = this.#server.accept(socket, { id: socket.remotePublicKey });
    session.on('error', () => socket.destroy());
    const deadline = this.#deps.clock.schedule(PAIRING_MS, () => {
      if (client.stream === undefined) socket.destroy();
    });
    const burst = this.#options.bytesPerSecond * BURST_SECONDS;
    const client: Client = { socket, session, deadline, stream: undefined, allowance: burst, seenBytes: 0 };
    this.#clients.add(client);
    session.on('pair', (_isInitiator: boolean, _token: Buffer, stream: RawStream) => this.#paired(client, stream));
    socket.on('close', () => {
      deadline.cancel();
      this.#clients.delete(client);
    });
  }

  /** Each dial of a node is a client of its own; one that wants more than a pair is no node of ours. */
  #paired(client: Client, stream: RawStream): void {
    if (client.stream !== undefined || this.#clients.size > 2 * this.#options.maxPairs) {
      client.socket.destroy();
      return;
    }
    client.stream = stream;
    stream.on('close', () => client.socket.destroy());
  }

  #look(): void {
    const { bytesPerSecond, maxPairs } = this.#options;
    for (const client of this.#clients) {
      const seen = client.stream?.bytesReceived ?? 0;
      const fresh = seen - client.seenBytes;
      client.seenBytes = seen;
      const grown = client.allowance + (bytesPerSecond * LOOK_MS) / 1000;
      client.allowance = Math.min(grown, bytesPerSecond * BURST_SECONDS) - fresh;
      if (!this.#deps.isMember(noiseKeyText(client.socket.remotePublicKey)))
        this.#cut(client, 'not of the fleet any more');
      else if (client.allowance < 0) this.#cut(client, 'sent more than the relay carries');
      else if (client.stream === undefined && this.#server.stats.pairings.pending > 4 * maxPairs) {
        this.#cut(client, 'too many pairs are waited for');
      }
    }
    this.#timer = this.#deps.clock.schedule(LOOK_MS, () => this.#look());
  }

  #cut({ socket }: Client, why: string): void {
    this.#deps.log.info({ why }, 'the relay cut a connection off');
    socket.destroy();
  }
}
