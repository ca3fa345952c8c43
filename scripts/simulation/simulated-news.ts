// What a simulated host tells its neighbours of its pieces: that they are here, and, where the way is long, that they will be.

import type { PieceSet } from '../../node/swarm/scheduler/piece-set.ts';
import { mayForetell } from '../../node/swarm/scheduler/foretold-pieces.ts';
import { isNewsTo } from '../../node/swarm/scheduler/have-news.ts';
import { FRAME_BYTES } from './control-bytes.ts';
import type { SimulatedChannel, SimulatedConnection } from './simulated-host.ts';
import { MESSAGE, type Wires } from './wires.ts';

export class SimulatedNews {
  readonly #wires: Wires;
  readonly #count: { controlBytes: number };
  readonly #connections: ReadonlyArray<SimulatedConnection | undefined>;
  /** Verified and not told yet: blob, piece, blob, piece. */
  #untold: number[] = [];
  #hasForetold = false;

  /** @param deps.connections of this host; the same list is looked at each time. */
  constructor(deps: {
    readonly wires: Wires;
    readonly count: { controlBytes: number };
    readonly connections: ReadonlyArray<SimulatedConnection | undefined>;
  }) {
    this.#wires = deps.wires;
    this.#count = deps.count;
    this.#connections = deps.connections;
  }

  /** A piece is here. @returns true when it is the first that waits to be told of. */
  add(blob: number, piece: number): boolean {
    return this.#untold.push(blob, piece) === 2;
  }

  /** Tells everybody what was verified since, without what they have or have heard of. */
  tell(): void {
    const untold = this.#untold;
    this.#untold = [];
    for (const connection of this.#connections) {
      if (connection === undefined) continue;
      let lastBlob = -1;
      for (let at = 0; at < untold.length; at += 2) {
        const blob = untold[at] ?? 0;
        const piece = untold[at + 1] ?? 0;
        const channel = connection.channels[blob];
        if (channel === undefined || !isNewsTo(channel, piece) || channel.wasTold.delete(piece)) continue;
        this.#say(channel, piece, lastBlob);
        lastBlob = blob;
      }
    }
  }

  /** Tells of a piece that will be here in a moment. @param has what is here. */
  foretell(blob: number, piece: number, has: PieceSet): void {
    for (const connection of this.#connections) {
      const channel = connection?.channels[blob];
      if (connection === undefined || channel === undefined) continue;
      const { foretold, remoteHas, isOffering } = channel;
      const underWay = connection.queue.length + (connection.sending === undefined ? 0 : 1);
      const askedCount = underWay + foretold.askedCount;
      const peer = { remoteHas, isOffering, askedCount };
      if (!mayForetell(peer, piece, { has, foretoldCount: foretold.count })) continue;
      foretold.tell(piece);
      this.#hasForetold = true;
      this.#say(channel, piece, -1);
    }
  }

  /** A piece is here. @returns those who were told before and wait for it. */
  awaiting(blob: number, piece: number): readonly SimulatedChannel[] {
    const waiting: SimulatedChannel[] = [];
    if (!this.#hasForetold) return waiting;
    for (const connection of this.#connections) {
      const channel = connection?.channels[blob];
      const before = channel?.foretold.over(piece);
      if (channel === undefined || before === undefined) continue;
      channel.wasTold.add(piece);
      if (before === 'asked') waiting.push(channel);
    }
    return waiting;
  }

  forget(): void {
    this.#untold = [];
  }

  #say(channel: SimulatedChannel, piece: number, lastBlob: number): void {
    this.#wires.say(channel.connection.end, MESSAGE.have, channel.blob, piece);
    this.#count.controlBytes += FRAME_BYTES.haveRun + (channel.blob === lastBlob ? 0 : FRAME_BYTES.have);
  }
}
