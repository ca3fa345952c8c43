// The place of one download among those that run. It is given back while nobody needs anything that is still missing, and taken again
// when somebody does.

import type { DownloadPriority, DownloadSlot, DownloadSlots } from './download-slots.ts';

export class DownloadPlace {
  readonly #slots: DownloadSlots;
  #slot: DownloadSlot | undefined;
  #granted: Promise<void> = Promise.resolve();
  #isGranted = false;
  #priority: DownloadPriority;

  constructor(slots: DownloadSlots, options: { readonly priority: DownloadPriority }) {
    this.#slots = slots;
    this.#priority = options.priority;
    void this.take();
  }

  /** True while the download may fetch. */
  get isGranted(): boolean {
    return this.#isGranted;
  }

  /** Gets in line, unless it is there already. Resolves when the download may fetch; never when it leaves before. */
  take(): Promise<void> {
    if (this.#slot === undefined) {
      const slot = this.#slots.take(this.#priority);
      this.#slot = slot;
      this.#granted = slot.granted.then(() => {
        if (this.#slot === slot) this.#isGranted = true;
      });
    }
    return this.#granted;
  }

  setPriority(priority: DownloadPriority): void {
    if (priority === this.#priority) return;
    this.#priority = priority;
    this.#slot?.setPriority(priority);
  }

  /** Ends the wait or gives the place to another. Safe to call twice. */
  leave(): void {
    this.#slot?.release();
    this.#slot = undefined;
    this.#isGranted = false;
  }
}
