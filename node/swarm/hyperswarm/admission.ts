// Whose handshakes are answered. Pure and at once: the package asks in the middle of a packet, and takes a promise for a "no".
// This only bounds what strangers may cost; who somebody is follows from the proof of identity.

/** Unproven connections at a time; more are not answered. Each lives for the deadline of its proof at most. */
export const MAX_UNPROVEN = 16;
/** Handshakes of keys that we do not know, within `STRANGER_WINDOW_MS`; more are not answered. */
export const MAX_STRANGERS = 64;
/** Handshakes of strangers are counted over so long: a fleet's newcomers come through, a flood costs little. */
const STRANGER_WINDOW_MS = 10_000;
/** Keys remembered as cut off; the oldest is forgotten first. Their certificates are refused all the same. */
const MAX_REFUSED_KEYS = 10_000;

export interface Handshake {
  /** Public key, hex. */
  readonly key: string;
  /** Key of the relay through which the other side wants us to answer, hex; undefined when through none. */
  readonly relay: string | undefined;
  /** It is the key of a member that we heard of. */
  readonly isKnown: boolean;
  readonly openCount: number;
  readonly unprovenCount: number;
}

export class Admission {
  readonly #options: { readonly maxConnections: number; readonly relay: () => string | undefined };
  readonly #refused = new Set<string>();
  #windowEndMs = 0;
  #strangers = 0;

  constructor(options: { readonly maxConnections: number; readonly relay: () => string | undefined }) {
    this.#options = options;
  }

  /** Keys of nodes that are no longer of the fleet. */
  refuse(keys: Iterable<string>): void {
    for (const key of keys) {
      this.#refused.add(key);
      for (const oldest of this.#refused) {
        if (this.#refused.size <= MAX_REFUSED_KEYS) break;
        this.#refused.delete(oldest);
      }
    }
  }

  isRefused(key: string): boolean {
    return this.#refused.has(key);
  }

  /** Whether to answer. A stranger is counted by asking. */
  admits(handshake: Handshake, nowMs: number): boolean {
    const { key, relay, isKnown, openCount, unprovenCount } = handshake;
    if (this.#refused.has(key)) return false;
    // Else anybody could make us send packets to a third party.
    if (relay !== undefined && relay !== this.#options.relay()) return false;
    if (openCount >= this.#options.maxConnections || unprovenCount >= MAX_UNPROVEN) return false;
    return isKnown || this.#countStranger(nowMs);
  }

  #countStranger(nowMs: number): boolean {
    if (nowMs >= this.#windowEndMs) {
      this.#windowEndMs = nowMs + STRANGER_WINDOW_MS;
      this.#strangers = 0;
    }
    this.#strangers += 1;
    return this.#strangers <= MAX_STRANGERS;
  }
}
