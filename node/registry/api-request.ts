// One request of the registry API as its routes see it. What costs something is made when a route first asks for it.

import type { IncomingMessage, IncomingHttpHeaders, ServerResponse } from 'node:http';
import { splitTarget } from '../../shared/oci/api-path.ts';
import type { Requester } from '../../shared/protocol/requester.ts';
import type { Subject } from './access.ts';
import { Query } from './query.ts';
import type { RegistrySite } from './registry-site.ts';
import type { RequestBody } from './request-body.ts';
import { requesterOf } from './requester-of.ts';

export class ApiRequest {
  readonly method: string;
  readonly path: string;
  readonly headers: IncomingHttpHeaders;
  readonly body: RequestBody;
  /** Who asks, once the access was decided; nobody in particular before, and where nobody logs in. */
  subject: Subject = undefined;
  readonly #raw: IncomingMessage;
  readonly #site: RegistrySite;
  readonly #response: ServerResponse;
  readonly #queryText: string;
  #query: Query | undefined;
  #signal: AbortSignal | undefined;

  constructor(
    raw: IncomingMessage,
    target: string,
    parts: { readonly response: ServerResponse; readonly body: RequestBody; readonly site: RegistrySite },
  ) {
    const { path, query } = splitTarget(target);
    this.method = raw.method ?? '';
    this.path = path;
    this.headers = raw.headers;
    this.body = parts.body;
    this.#raw = raw;
    this.#site = parts.site;
    this.#response = parts.response;
    this.#queryText = query;
  }

  get authorization(): string | undefined {
    return this.headers.authorization;
  }

  /** What stands behind the question mark, as it came. */
  get queryText(): string {
    return this.#queryText;
  }

  get query(): Query {
    this.#query ??= new Query(this.#queryText);
    return this.#query;
  }

  /** Where its client sees this registry, `https://registry.example/prefix`; undefined when it does not say. */
  get baseUrl(): string | undefined {
    return this.#site.baseUrl(this.#raw);
  }

  /** The client's address, by the word of trusted proxies. */
  get clientAddress(): string {
    return this.#site.clientAddress(this.#raw);
  }

  get peerAddress(): string {
    return this.#site.peerAddress(this.#raw);
  }

  /** What the coordinator is told of whoever asks for a change. Made anew each time. */
  get requester(): Requester {
    const { subject, clientAddress, baseUrl } = this;
    return requesterOf(this.#raw, { subject, clientAddress, baseUrl });
  }

  /** Aborted when the client leaves before the answer is out. */
  get signal(): AbortSignal {
    this.#signal ??= clientGone(this.#response);
    return this.#signal;
  }

  /** True when the client left before the answer was out. */
  get isAbandoned(): boolean {
    return this.#response.destroyed && !this.#response.writableFinished;
  }
}

/** Not the request's own `close`: that one fires when its body has been read. */
function clientGone(response: ServerResponse): AbortSignal {
  const gone = new AbortController();
  const onClose = (): void => {
    if (!response.writableFinished) gone.abort();
  };
  if (response.destroyed) onClose();
  else response.once('close', onClose);
  return gone.signal;
}
