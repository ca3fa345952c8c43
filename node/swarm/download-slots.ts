// How many downloads run at a time. A client's comes before background work, and background work never takes all places.

export type DownloadPriority = 'client' | 'background';

/** Downloads at a time, the next wait in order: three images with their layers; more only share one link among more pieces. */
const MAX_RUNNING = 24;
/** Of these, for background work, so that a client finds a place whatever an origin copies. */
const MAX_BACKGROUND = 8;

export interface DownloadSlotsOptions {
  /** Default `MAX_RUNNING`. */
  readonly maxRunning?: number;
  /** Default `MAX_BACKGROUND`. */
  readonly maxBackground?: number;
}

interface Waiting {
  priority: DownloadPriority;
  readonly start: () => void;
}

/** The place of one download, first in the line and then among those that run. */
export interface DownloadSlot {
  /** Resolves when the download may run. */
  readonly granted: Promise<void>;
  /** Moves the download in the line, when a client begins or ceases to wait for it. One that runs already goes on in any case. */
  setPriority(priority: DownloadPriority): void;
  /** Leaves the line, or frees the place for the next. Safe to call twice. */
  release(): void;
}

export class DownloadSlots {
  readonly #maxRunning: number;
  readonly #maxBackground: number;
  readonly #waiting: Waiting[] = [];
  #runningCount = 0;
  #backgroundCount = 0;

  constructor(options: DownloadSlotsOptions = {}) {
    this.#maxRunning = options.maxRunning ?? MAX_RUNNING;
    this.#maxBackground = options.maxBackground ?? MAX_BACKGROUND;
  }

  take(priority: DownloadPriority): DownloadSlot {
    let state: 'waiting' | 'running' | 'released' = 'waiting';
    let runsAs = priority;
    let waiting: Waiting;
    const granted = new Promise<void>((resolve) => {
      waiting = {
        priority,
        start: () => {
          state = 'running';
          runsAs = waiting.priority;
          resolve();
        },
      };
      this.#waiting.push(waiting);
    });
    this.#startNext();
    return {
      granted,
      setPriority: (next) => {
        if (state === 'waiting') waiting.priority = next;
        else if (state === 'running' && runsAs !== next) {
          runsAs = next;
          this.#backgroundCount += next === 'background' ? 1 : -1;
        }
        this.#startNext();
      },
      release: () => {
        if (state === 'waiting') this.#waiting.splice(this.#waiting.indexOf(waiting), 1);
        if (state === 'running') {
          this.#runningCount -= 1;
          if (runsAs === 'background') this.#backgroundCount -= 1;
        }
        state = 'released';
        this.#startNext();
      },
    };
  }

  #startNext(): void {
    while (this.#runningCount < this.#maxRunning) {
      const at = this.#nextIndex();
      const [next] = at < 0 ? [] : this.#waiting.splice(at, 1);
      if (next === undefined) return;
      this.#runningCount += 1;
      if (next.priority === 'background') this.#backgroundCount += 1;
      next.start();
    }
  }

  #nextIndex(): number {
    const client = this.#waiting.findIndex((each) => each.priority === 'client');
    if (client >= 0 || this.#backgroundCount >= this.#maxBackground) return client;
    return this.#waiting.length > 0 ? 0 : -1;
  }
}
