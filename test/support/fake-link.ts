// A coordinator link whose answers a test gives by method, and whose session a test takes away.

import { AppError } from '../../shared/runtime/errors.ts';
import type {
  CoordinatorEvent,
  CoordinatorLink,
  LinkListener,
  MethodName,
  Params,
  Result,
} from '../../shared/protocol/coordinator-methods.ts';
import { LinkListeners } from '../../shared/protocol/link-listeners.ts';
import { silentLogger } from '../../shared/runtime/log.ts';

type Answers = { [M in MethodName]?: (params: Params<M>) => Result<M> | Promise<Result<M>> };

export class FakeLink implements CoordinatorLink {
  isConnected = true;
  failure: AppError | undefined;
  /** Every call in order. */
  readonly calls: Array<{ readonly method: MethodName; readonly params: unknown }> = [];
  readonly #answers: Answers;
  readonly #listeners = new LinkListeners({ log: silentLogger });

  /** @param answers a call of a method that has none fails the test. */
  constructor(answers: Answers) {
    this.#answers = answers;
  }

  async call<M extends MethodName>(method: M, params: Params<M>, signal: AbortSignal): Promise<Result<M>> {
    signal.throwIfAborted();
    if (!this.isConnected) throw new AppError('coordinator_unreachable', 'no session');
    this.calls.push({ method, params });
    const answer = this.#answers[method];
    if (answer === undefined) throw new Error(`the test gave no answer for ${method}`);
    return answer(params);
  }

  listen(listener: LinkListener): () => void {
    return this.#listeners.add(listener);
  }

  emit(event: CoordinatorEvent): void {
    this.#listeners.tell((listener) => listener.onEvent?.(event));
  }

  disconnect(): void {
    this.isConnected = false;
    this.#listeners.tell((listener) => listener.onDisconnected?.());
  }

  connect(): void {
    this.isConnected = true;
    this.#listeners.tell((listener) => listener.onConnected?.());
  }
}
