// What is asked of one peer, over all blobs that come from it. Two layers that each kept a pipeline of their own would have twice as
// much waiting at every peer, and a piece that waits at one peer cannot be asked of another: two layers then cost 4 % (1.11 of
// the bound instead of 1.07 with 600 hosts), three 8 %.

/** One blob that comes from the peer. */
export interface PipelineUser {
  /** Room was left: asks for what may be asked for. */
  useRoom(nowMs: number): void;
}

/** Shared by the downloads that use one connection. Counts pieces that were asked for by number. */
export class PeerPipeline {
  readonly #users = new Set<PipelineUser>();
  #askedCount = 0;

  get askedCount(): number {
    return this.#askedCount;
  }

  join(user: PipelineUser): void {
    this.#users.add(user);
  }

  leave(user: PipelineUser): void {
    this.#users.delete(user);
  }

  asked(): void {
    this.#askedCount += 1;
  }

  /** A piece came, or will not. */
  over(): void {
    this.#askedCount -= 1;
  }

  /** One blob has nothing to ask for and leaves its room to the others. */
  passOn(user: PipelineUser, nowMs: number): void {
    if (this.#users.size < 2) return;
    for (const other of this.#users) if (other !== user) other.useRoom(nowMs);
  }
}
