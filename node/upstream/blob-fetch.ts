// One blob on its way from its upstream to this host's disk, and to every client that waits for it.
//
//   asked ─▶ answered: size known ─▶ arriving: readers follow ─▶ verified: last bytes go out ─▶ adopted and recorded
//               └── not there             └── broken off: goes on with a range, some times
//
// Nobody vouches for bytes that come from outside before their digest was checked. Readers get them as they come, all but the
// last: when the whole turns out to be something else their connections are torn, so that nobody gets a complete wrong blob.

import type { Digest } from '../../shared/oci/digest.ts';
import type { Clock, Scheduled } from '../../shared/runtime/clock.ts';
import { AppError, isAppError } from '../../shared/runtime/errors.ts';
import { joinSignals } from '../../shared/runtime/joined-signal.ts';
import type { Logger } from '../../shared/runtime/log.ts';
import { withSignal } from '../../shared/runtime/with-signal.ts';
import type { Body } from '../content/body.ts';
import type { BlobReader } from '../content/blob-reader.ts';
import type { ArrivingBlob, ArrivingStore } from '../content/blob-store.ts';

/** Times in a row that a body may break off without a byte having come; then the fetch fails. */
const MAX_BARREN_TRIES = 4;
/** Times that a body may break off at all: a line that breaks each time after a few bytes must end, too. */
const MAX_TRIES = 50;
/** Pause before the next try; with each barren one in a row it doubles. */
const RETRY_MS = 100;
/** A fetch that every client left goes on for so long, since clients try again; then it is thrown away. */
const LINGER_MS = 60_000;

/** Bytes of a blob from `firstByte` on. */
export interface BlobSupply {
  /** Of the whole blob. */
  readonly sizeBytes: number;
  readonly firstByte: number;
  readonly body: Body;
}

/** Where the bytes come from. */
export interface BlobOrigin {
  /** Begins at a byte. @returns undefined when it does not have the blob. */
  open(fromByte: number, signal: AbortSignal): Promise<BlobSupply | undefined>;
}

/** An origin that is shared with other hosts, and says which of the bytes that came may be passed on before the whole was checked. */
export interface FetchPart extends BlobOrigin {
  /** True while the bytes come from other hosts of the fleet. */
  readonly isReader: boolean;
  /** The blob is open. Called after each answer; the first one counts. */
  begun(arriving: ArrivingBlob): void;
  /** True while not all that came may be passed on. */
  readonly isLimiting: boolean;
  /** How many of the bytes that came may be. */
  passableBytes(cameBytes: number): number;
  /** Resolves when that may be more, or what it says changed otherwise. @throws the signal's reason */
  changed(signal: AbortSignal): Promise<void>;
  /** A body broke off: what of it cannot be relied on is taken back. */
  stepBack(): Promise<void>;
  /** All bytes are here. Resolves when as many may be passed on, and nothing is asked of the blob's hashes any more. @throws {AppError} when they must come anew */
  received(signal: AbortSignal): Promise<void>;
  /** The digest of the whole is right. */
  verified(arriving: ArrivingBlob): Promise<void>;
  /** The fetch is over. */
  ended(failure: Error | undefined): void;
}

export interface BlobFetchDeps {
  readonly clock: Clock;
  readonly log: Logger;
  readonly store: ArrivingStore;
  /** Makes what was verified a blob of this host and of the fleet. */
  readonly keep: (arriving: ArrivingBlob) => Promise<void>;
  /** Told of bytes of the upstream as they come. */
  readonly onReceived: (bytes: number) => void;
}

/** Starts by itself. `done` settles when it is over, never with a failure. */
export class BlobFetch {
  readonly digest: Digest;
  readonly done: Promise<void>;
  readonly #deps: BlobFetchDeps;
  readonly #origin: BlobOrigin;
  readonly #part: FetchPart | undefined;
  readonly #stop = new AbortController();
  readonly #opened: Promise<ArrivingBlob | undefined>;
  #arriving: ArrivingBlob | undefined;
  /** Readers wait for growth, and a fetch that fails grows no more. */
  readonly #failed = new AbortController();
  #isVerified = false;
  #isOver = false;
  #failure: Error | undefined;
  #readerCount = 0;
  /** Runs while there is no reader. */
  #linger: Scheduled | undefined;

  /** @param options.part the origin, when it is shared. */
  constructor(
    deps: BlobFetchDeps,
    options: { readonly digest: Digest; readonly origin: BlobOrigin; readonly part?: FetchPart | undefined },
  ) {
    this.#deps = deps;
    this.digest = options.digest;
    this.#origin = options.part ?? options.origin;
    this.#part = options.part;
    let tellOpened: (blob: ArrivingBlob | undefined) => void = () => undefined;
    let tellFailed: (reason: unknown) => void = () => undefined;
    this.#opened = new Promise((resolve, reject) => {
      tellOpened = resolve;
      tellFailed = reject;
    });
    this.#opened.catch(() => undefined); // those who wait for it get it
    this.done = this.#run(tellOpened, tellFailed);
    this.#lingerIfLeft();
  }

  /** True once nobody can join any more. */
  get isOver(): boolean {
    return this.#isOver;
  }

  /** True while another host fetches, and this one reads along. */
  get isReadAlong(): boolean {
    return this.#part?.isReader === true;
  }

  /** The size, when the source has begun to answer. @returns undefined when it does not have the blob. */
  async sizeBytes(signal: AbortSignal): Promise<number | undefined> {
    return (await withSignal(this.#opened, signal))?.sizeBytes;
  }

  /** Reads along; undefined as `sizeBytes`. The caller closes the reader. */
  async join(signal: AbortSignal): Promise<BlobReader | undefined> {
    this.#readerCount += 1;
    this.#linger?.cancel();
    try {
      const arriving = await withSignal(this.#opened, signal);
      if (arriving?.sizeBytes === 0) await this.#verifiedEmpty(signal);
      if (arriving !== undefined) return this.#reader(arriving);
    } catch (error) {
      await this.#leave();
      throw error;
    }
    await this.#leave();
    return undefined;
  }

  /** Ends it, and waits for that. */
  async stop(reason: AppError): Promise<void> {
    this.#stop.abort(reason);
    await this.done;
  }

  /** A blob without bytes has no last one to keep back: its answer waits for the digest instead. */
  async #verifiedEmpty(signal: AbortSignal): Promise<void> {
    await withSignal(this.done, signal);
    if (this.#failure !== undefined) throw this.#failure;
  }

  #reader(arriving: ArrivingBlob): BlobReader {
    let isClosed = false;
    return {
      sizeBytes: arriving.sizeBytes,
      read: async (target, position, signal) => {
        if (position >= arriving.sizeBytes) return 0;
        const end = await this.#endAfter(arriving, position, signal);
        return arriving.read(target.subarray(0, end - position), position);
      },
      lend: async (position, maxBytes, signal) => {
        if (position >= arriving.sizeBytes) return undefined;
        const end = await this.#endAfter(arriving, position, signal);
        return arriving.lend(position, Math.min(maxBytes, end - position));
      },
      [Symbol.asyncDispose]: async () => {
        if (isClosed) return;
        isClosed = true;
        await this.#leave();
      },
    };
  }

  /** Waits until the byte at `position` may go out. @returns the end of what may. */
  async #endAfter(arriving: ArrivingBlob, position: number, signal: AbortSignal): Promise<number> {
    for (;;) {
      const lastByte = this.#isVerified ? arriving.sizeBytes : arriving.sizeBytes - 1;
      const end = Math.min(this.#passableBytes(arriving), lastByte);
      if (position < end) return end;
      await this.#more(arriving, position, signal);
    }
  }

  /**
   * Reads for another host, which checks for itself; waits until all of it is here.
   * @returns undefined when there is no such place in the blob. @throws why it will not come, and the signal's reason
   */
  async part(
    place: { readonly firstByte: number; readonly maxBytes: number },
    signal: AbortSignal,
  ): Promise<Uint8Array | undefined> {
    const arriving = await withSignal(this.#opened, signal);
    if (arriving === undefined || place.firstByte >= arriving.sizeBytes) return undefined;
    const end = Math.min(arriving.sizeBytes, place.firstByte + place.maxBytes);
    while (this.#passableBytes(arriving) < end) await this.#more(arriving, end - 1, signal);
    const bytes = new Uint8Array(end - place.firstByte);
    for (let done = 0; done < bytes.byteLength;) {
      const count = await arriving.read(bytes.subarray(done), place.firstByte + done);
      if (count === 0) throw this.#lost('took back what it sent');
      done += count;
    }
    return bytes;
  }

  #passableBytes(arriving: ArrivingBlob): number {
    if (this.#failure !== undefined) throw this.#failure;
    return this.#isVerified
      ? arriving.sizeBytes
      : (this.#part?.passableBytes(arriving.readableBytes) ?? arriving.readableBytes);
  }

  /** Waits until looking again makes sense. */
  async #more(arriving: ArrivingBlob, position: number, signal: AbortSignal): Promise<void> {
    using joined = joinSignals([signal, this.#failed.signal]);
    if (this.#part?.isLimiting === true) await this.#part.changed(joined.signal);
    else await arriving.grown(Math.max(position, arriving.readableBytes), joined.signal);
  }

  async #run(
    tellOpened: (blob: ArrivingBlob | undefined) => void,
    tellFailed: (reason: unknown) => void,
  ): Promise<void> {
    const { log } = this.#deps;
    try {
      const arriving = await this.#receive(tellOpened);
      if (arriving === undefined) return;
      await arriving.verify();
      this.#isVerified = true;
      await Promise.all([this.#deps.keep(arriving), this.#part?.verified(arriving)]);
    } catch (error) {
      const reason: unknown = this.#stop.signal.aborted ? this.#stop.signal.reason : error;
      this.#failure = reason instanceof Error ? reason : new Error(String(reason));
      // A blob that could be verified is right, whatever became of keeping it.
      if (this.#isVerified) log.warn({ err: error, digest: this.digest }, 'a blob of an upstream could not be kept');
      else log.warn({ err: this.#failure, digest: this.digest }, 'fetching a blob from an upstream failed');
      if (this.#isVerified) this.#failure = undefined;
      else this.#failed.abort(this.#failure);
      tellFailed(this.#failure);
    } finally {
      this.#isOver = true;
      this.#linger?.cancel();
      this.#part?.ended(this.#failure);
      await this.#releaseIfUnused();
    }
  }

  /** @returns the blob with all its bytes; undefined when the source does not have it. */
  async #receive(tellOpened: (blob: ArrivingBlob | undefined) => void): Promise<ArrivingBlob | undefined> {
    const { signal } = this.#stop;
    let barrenTries = 0;
    for (let tries = 1; ; tries += 1) {
      const before = this.#arriving?.readableBytes ?? 0;
      try {
        return await this.#receiveRest(tellOpened);
      } catch (error) {
        await this.#part?.stepBack();
        const arriving = this.#arriving;
        barrenTries = (arriving?.readableBytes ?? 0) > before ? 0 : barrenTries + 1;
        const isFinal = tries >= MAX_TRIES || barrenTries >= MAX_BARREN_TRIES || arriving === undefined;
        if (signal.aborted || isFinal || isHopeless(error)) throw asFailure(error, this.digest);
        await this.#deps.clock.sleep(RETRY_MS * 2 ** barrenTries, signal);
      }
    }
  }

  /** One try of `#receive`. Its answer is over when this settles, also one that could not be taken. */
  async #receiveRest(tellOpened: (blob: ArrivingBlob | undefined) => void): Promise<ArrivingBlob | undefined> {
    const { signal } = this.#stop;
    const over = new AbortController();
    using answering = joinSignals([signal, over.signal]);
    try {
      const before = this.#arriving?.readableBytes ?? 0;
      const answer = await this.#origin.open(before, answering.signal);
      if (answer === undefined && this.#arriving === undefined) {
        tellOpened(undefined);
        return undefined;
      }
      if (answer === undefined) throw this.#lost('does not have the blob any more');
      const arriving = await this.#openFor(answer.sizeBytes);
      this.#part?.begun(arriving);
      tellOpened(arriving);
      await arriving.receive(this.#restOf(answer, before), signal);
      if (arriving.readableBytes !== arriving.sizeBytes) throw this.#lost('ended too early');
      await this.#part?.received(signal);
      return arriving;
    } finally {
      over.abort(new AppError('blob_unavailable', 'nothing more is wanted of this answer'));
    }
  }

  async #openFor(sizeBytes: number): Promise<ArrivingBlob> {
    this.#arriving ??= await this.#deps.store.openArriving({ digest: this.digest, sizeBytes });
    if (this.#arriving.sizeBytes === sizeBytes) return this.#arriving;
    throw new AppError('upstream_unavailable', 'the blob has another size than before', {
      detail: { digest: this.digest, isFinal: true },
    });
  }

  /** What of an answer is not here yet, and counts as received: a source that starts over sends again what is here already. */
  #restOf({ body, firstByte }: BlobSupply, wantedByte: number): Body {
    let position = firstByte;
    const restOf = (bytes: Uint8Array): Uint8Array => {
      const skippedBytes = Math.min(Math.max(0, wantedByte - position), bytes.byteLength);
      position += bytes.byteLength;
      return skippedBytes === 0 ? bytes : bytes.subarray(skippedBytes);
    };
    return {
      pour: (take, signal) =>
        body.pour((bytes) => {
          const rest = restOf(bytes);
          if (!this.isReadAlong) this.#deps.onReceived(rest.byteLength);
          return take(rest);
        }, signal),
    };
  }

  async #leave(): Promise<void> {
    this.#readerCount -= 1;
    await this.#releaseIfUnused();
    this.#lingerIfLeft();
  }

  #lingerIfLeft(): void {
    if (this.#readerCount > 0 || this.#isOver) return;
    this.#linger?.cancel();
    this.#linger = this.#deps.clock.schedule(LINGER_MS, () =>
      this.#stop.abort(new AppError('blob_unavailable', 'nobody waits for this blob any more')),
    );
  }

  /** The last reader of a fetch that is over closes the file. */
  async #releaseIfUnused(): Promise<void> {
    if (this.#isOver && this.#readerCount === 0) await this.#arriving?.[Symbol.asyncDispose]();
  }

  #lost(what: string): AppError {
    return new AppError('upstream_unavailable', `the upstream ${what}`, { detail: { digest: this.digest } });
  }
}

/** Another try would end the same. */
function isHopeless(error: unknown): boolean {
  if (!isAppError(error)) return false;
  return error.code !== 'upstream_unavailable' || error.detail['isFinal'] === true;
}

function asFailure(error: unknown, digest: Digest): unknown {
  if (isAppError(error)) return error;
  return new AppError('upstream_unavailable', 'the upstream broke off while it sent a blob', {
    cause: error,
    detail: { digest },
  });
}
