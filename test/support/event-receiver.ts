// A receiver of notifications: a real HTTP server on loopback that keeps what it gets, and answers as a test wants.

import { createServer, type IncomingHttpHeaders, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

/** One event as receivers see it. */
export interface ReceivedEvent {
  readonly id: string;
  readonly timestamp: string;
  readonly action: string;
  readonly target: {
    readonly mediaType?: string;
    readonly size?: number;
    readonly digest?: string;
    readonly length?: number;
    readonly repository: string;
    readonly fromRepository?: string;
    readonly url?: string;
    readonly tag?: string;
    readonly references?: readonly object[];
  };
  readonly request: {
    readonly id: string;
    readonly addr: string;
    readonly host: string;
    readonly method: string;
    readonly useragent: string;
  };
  readonly actor: { readonly name?: string };
  readonly source: { readonly addr: string; readonly instanceID: string };
}

export interface ReceivedPost {
  readonly method: string;
  readonly path: string;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
  readonly event: ReceivedEvent;
}

/** What it does with a post; the default answers 200. */
export type Behaviour = (post: ReceivedPost, response: ServerResponse) => void;

export class EventReceiver implements AsyncDisposable {
  /** Every post that came in whole, also those that were not answered well. */
  readonly posts: ReceivedPost[] = [];
  behaviour: Behaviour = (_, response) => response.end();
  readonly #server = createServer((request, response) => void this.#take(request, response));
  readonly #watchers = new Set<() => void>();
  #port = 0;

  private constructor() {}

  /** @param port on which it listens; any that is free when absent. */
  static async start(behaviour?: Behaviour, port = 0): Promise<EventReceiver> {
    const receiver = new EventReceiver();
    if (behaviour !== undefined) receiver.behaviour = behaviour;
    await receiver.#listen(port);
    return receiver;
  }

  get url(): string {
    return `http://127.0.0.1:${this.#port}/events`;
  }

  /** Nothing listens at its port until it comes back. */
  async goAway(): Promise<void> {
    const closed = new Promise((resolve) => this.#server.close(resolve));
    this.#server.closeAllConnections();
    await closed;
  }

  comeBack(): Promise<void> {
    return this.#listen(this.#port);
  }

  /** Events of answered posts. */
  get events(): readonly ReceivedEvent[] {
    return this.posts.map(({ event }) => event);
  }

  /** Resolves when `isThere` holds for what came. */
  until(isThere: (posts: readonly ReceivedPost[]) => boolean): Promise<void> {
    return new Promise((resolve) => {
      const look = (): void => {
        if (!isThere(this.posts)) return;
        this.#watchers.delete(look);
        resolve();
      };
      this.#watchers.add(look);
      look();
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#server.listening) await this.goAway();
  }

  #listen(port: number): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#server.once('error', reject);
      this.#server.listen(port, '127.0.0.1', () => {
        this.#port = (this.#server.address() as AddressInfo).port;
        resolve();
      });
    });
  }

  async #take(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const parts: Buffer[] = [];
    try {
      for await (const part of request) parts.push(part as Buffer);
    } catch {
      return; // cut off by the sender
    }
    const body = Buffer.concat(parts).toString();
    const { events } = JSON.parse(body) as { readonly events: readonly ReceivedEvent[] };
    const [event] = events;
    if (event === undefined || events.length !== 1) throw new Error('an envelope holds one event');
    const post = { method: request.method ?? '', path: request.url ?? '', headers: request.headers, body, event };
    this.posts.push(post);
    this.behaviour(post, response);
    for (const watcher of this.#watchers) watcher();
  }
}
