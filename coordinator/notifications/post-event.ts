// One attempt: a POST, and what came of it. Endpoints are the operator's, so any address is fine; what answers there is not trusted.

import { Agent as HttpAgent, request as httpRequest, type IncomingMessage } from 'node:http';
import { Agent as HttpsAgent, request as httpsRequest } from 'node:https';
import type { Clock } from '../../shared/runtime/clock.ts';
import { joinSignals } from '../../shared/runtime/joined-signal.ts';
import type { Endpoint } from './endpoint.ts';
import { signatureHeaders } from './signature.ts';

/** What is read of an answer, so that its connection can be used again; a longer answer costs it. Nobody looks at it. */
const MAX_ANSWER_BYTES = 64 * 1024;
/** Characters of what a receiver says that go into the delivery log; the rest is cut. */
const MAX_PROBLEM_CHARS = 200;

export type Outcome =
  | { readonly type: 'delivered'; readonly status: number }
  | {
      readonly type: 'failed';
      /** Absent when there was no answer. */
      readonly status?: number;
      /** Why, in words; tells no secret. */
      readonly problem: string;
      /** What the receiver asks for by `Retry-After`. */
      readonly askedWaitMs?: number;
    };

export interface Message {
  readonly eventId: string;
  readonly body: string;
}

/** Sends to one endpoint, over one connection that is kept. Disposing cuts it. */
export class EventPoster implements Disposable {
  readonly #clock: Clock;
  readonly #endpoint: Endpoint;
  readonly #contentType: string;
  readonly #agent: HttpAgent | HttpsAgent;

  constructor(deps: { readonly clock: Clock }, options: { readonly endpoint: Endpoint; readonly contentType: string }) {
    this.#clock = deps.clock;
    this.#endpoint = options.endpoint;
    this.#contentType = options.contentType;
    const { protocol } = options.endpoint.url;
    const kept = { keepAlive: true, maxSockets: 1 };
    this.#agent = protocol === 'https:' ? new HttpsAgent(kept) : new HttpAgent(kept);
  }

  /** @throws the signal's reason when that is aborted; whatever else goes wrong is an outcome. */
  async post(message: Message, signal: AbortSignal): Promise<Outcome> {
    signal.throwIfAborted();
    const { timeoutMs } = this.#endpoint;
    const late = new AbortController();
    const timer = this.#clock.schedule(timeoutMs, () => late.abort(new Error(`no answer within ${timeoutMs} ms`)));
    try {
      using joined = joinSignals([signal, late.signal]);
      const answer = await this.#exchange(message, joined.signal);
      await readAway(answer);
      return outcomeOf(answer);
    } catch (error) {
      signal.throwIfAborted();
      return { type: 'failed', problem: late.signal.aborted ? `no answer within ${timeoutMs} ms` : reasonOf(error) };
    } finally {
      timer.cancel();
    }
  }

  [Symbol.dispose](): void {
    this.#agent.destroy();
  }

  #exchange({ eventId, body }: Message, signal: AbortSignal): Promise<IncomingMessage> {
    const { url, headers, secret } = this.#endpoint;
    const bytes = Buffer.from(body);
    const send = url.protocol === 'https:' ? httpsRequest : httpRequest;
    return new Promise((resolve, reject) => {
      const request = send(url, {
        method: 'POST',
        agent: this.#agent,
        signal,
        headers: {
          'user-agent': 'shoal',
          ...headers,
          'content-type': this.#contentType,
          'content-length': bytes.byteLength,
          ...signatureHeaders({ eventId, body, atMs: this.#clock.wallMs() }, secret),
        },
      });
      request.on('error', reject);
      request.once('response', resolve);
      request.end(bytes);
    });
  }
}

/**
 * Reads an answer to its end, which leaves the connection to the next request. One that is too long, or breaks off, or takes longer
 * than the endpoint's time costs the connection, and nothing else: its status is known.
 */
async function readAway(response: IncomingMessage): Promise<void> {
  let bytes = 0;
  try {
    for await (const chunk of response) {
      bytes += Buffer.isBuffer(chunk) ? chunk.byteLength : 0;
      if (bytes > MAX_ANSWER_BYTES) break; // leaving the loop destroys it
    }
  } catch {
    // Nobody looks at the rest.
  }
}

/** As the original: any 2xx and 3xx will do. But a redirect is not followed, as it might carry secrets elsewhere, and so not delivered. */
function outcomeOf({ statusCode = 0, headers }: IncomingMessage): Outcome {
  const isRedirect = statusCode >= 300 && headers.location !== undefined;
  if (statusCode >= 200 && statusCode < 400 && !isRedirect) return { type: 'delivered', status: statusCode };
  const problem =
    isRedirect && statusCode < 400
      ? `answered ${statusCode}, a redirect; set its url to where that leads`
      : `answered ${statusCode}`;
  const asked = headers['retry-after'];
  const askedWaitMs = asked !== undefined && /^\d{1,6}$/.test(asked) ? Number(asked) * 1000 : undefined;
  return { type: 'failed', status: statusCode, problem, ...(askedWaitMs === undefined ? {} : { askedWaitMs }) };
}

/** Messages of node:net name addresses, never headers or paths. */
function reasonOf(error: unknown): string {
  const first: unknown = error instanceof AggregateError ? error.errors[0] : error; // one for each address of a name
  const text = first instanceof Error ? first.message : String(first);
  return text.slice(0, MAX_PROBLEM_CHARS);
}
