// Ownership of what was opened, so that a start that fails half way and a stop close the same things.

/** Closes what was opened, newest first, even when a close fails. Node 20 has no AsyncDisposableStack. */
export class ResourceStack implements AsyncDisposable {
  readonly #closers: Array<() => unknown> = [];

  /** Takes ownership of `resource` and hands it back. */
  use<T extends AsyncDisposable>(resource: T): T {
    this.#closers.push(() => resource[Symbol.asyncDispose]());
    return resource;
  }

  /** Runs `close` when this stack is closed. */
  defer(close: () => unknown): void {
    this.#closers.push(close);
  }

  /** Gives every resource to a new stack; this one then closes nothing. Call it when start-up succeeded. */
  move(): ResourceStack {
    const moved = new ResourceStack();
    moved.#closers.push(...this.#closers.splice(0));
    return moved;
  }

  /** Closes everything, newest first. @throws {AggregateError} with every failure, after all were tried. */
  async [Symbol.asyncDispose](): Promise<void> {
    const failures: unknown[] = [];
    for (const close of this.#closers.splice(0).reverse()) {
      try {
        await close();
      } catch (error) {
        failures.push(error);
      }
    }
    if (failures.length > 0) throw new AggregateError(failures, 'some resources did not close');
  }
}
