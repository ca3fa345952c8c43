// TLS of the registry's port, with a certificate that is replaced on disk while it runs.

import type { IncomingMessage, Server as HttpServer, ServerResponse } from 'node:http';
import { createServer, type Server } from 'node:https';
import type { Socket } from 'node:net';
import type { TLSSocket } from 'node:tls';
import type { Clock, Scheduled } from '../../shared/runtime/clock.ts';
import type { Logger } from '../../shared/runtime/log.ts';
import { Seldom } from '../../shared/runtime/seldom.ts';
import { tellByFirstByte } from './first-byte.ts';
import { readTlsFiles, tlsFilesMark, type ReadTlsFiles, type TlsSettings } from './tls-files.ts';

/** How often the files are looked at: a new certificate is used five seconds later at most. */
const LOOK_EVERY_MS = 5_000;
/** A certificate that ends sooner is warned of when it is taken up: time to get another one. */
const SOON_MS = 14 * 24 * 3_600_000;
/** A handshake that takes longer is given up. */
const HANDSHAKE_TIMEOUT_MS = 10_000;
/** Clients that speak plain HTTP here are told of in the log at most this often; each is answered. */
const TELL_EVERY_MS = 60_000;

/** What is demanded of a client's certificate, when there are authorities for them. */
export type ClientCertificates = 'verify' | 'verify-if-given' | 'require' | 'request';

export interface RegistryTlsOptions extends TlsSettings {
  readonly clientCertificates: ClientCertificates;
}

type Handler = (request: IncomingMessage, response: ServerResponse) => void;

/** The certificate in use, and the servers that use it. */
export class RegistryTls implements AsyncDisposable {
  readonly #deps: { readonly clock: Clock; readonly log: Logger };
  readonly #options: RegistryTlsOptions;
  readonly #servers: Server[] = [];
  #files: ReadTlsFiles;
  #mark: string;
  #look: Scheduled | undefined;
  #isClosed = false;
  #toldOfFailure = '';
  readonly #tellOfPlain: Seldom;

  private constructor(
    deps: { readonly clock: Clock; readonly log: Logger },
    options: RegistryTlsOptions,
    found: { readonly files: ReadTlsFiles; readonly mark: string },
  ) {
    this.#deps = deps;
    this.#tellOfPlain = new Seldom(deps, { everyMs: TELL_EVERY_MS });
    this.#options = options;
    this.#files = found.files;
    this.#mark = found.mark;
  }

  /** @throws {AppError} `config_invalid` when a file is not right. */
  static async open(
    deps: { readonly clock: Clock; readonly log: Logger },
    options: RegistryTlsOptions,
  ): Promise<RegistryTls> {
    const mark = await tlsFilesMark(options);
    const tls = new RegistryTls(deps, options, { mark, files: await readTlsFiles(options) });
    tls.#tellOfCertificate('serving with this certificate');
    tls.#lookLater();
    return tls;
  }

  /** A server that does not listen yet; it takes up new certificates until this is disposed. */
  readonly makeServer = (
    handler: Handler,
    options: { readonly maxHeaderSize: number; readonly keepAliveTimeout: number; readonly requestTimeout: number },
  ): HttpServer => {
    const { clientCertificates, clientAuthorities } = this.#options;
    const asksClients = clientAuthorities.length > 0;
    const server = createServer(
      {
        ...this.#files.context,
        ...options,
        handshakeTimeout: HANDSHAKE_TIMEOUT_MS,
        requestCert: asksClients,
        rejectUnauthorized: asksClients && clientCertificates === 'verify',
      },
      handler,
    );
    if (asksClients) server.on('secureConnection', (socket) => refuseClient(socket, clientCertificates));
    this.#answerPlainClients(server);
    this.#servers.push(server);
    return server;
  };

  [Symbol.asyncDispose](): Promise<void> {
    this.#isClosed = true;
    this.#look?.cancel();
    return Promise.resolve();
  }

  #answerPlainClients(server: Server): void {
    const listeners = server.listeners('connection');
    server.removeAllListeners('connection');
    server.on('connection', (connection: Socket) => {
      tellByFirstByte(connection, {
        clock: this.#deps.clock,
        onTls: (socket) => {
          for (const listener of listeners) Reflect.apply(listener, server, [socket]);
        },
        onPlain: (socket) => this.#answerPlain(socket),
      });
    });
  }

  #answerPlain(socket: Socket): void {
    this.#tellOfPlain.act(() => {
      const advice = 'this port speaks HTTPS: use https:// there, and take it out of insecure-registries';
      this.#deps.log.warn({ client: socket.remoteAddress, advice }, 'a client speaks plain HTTP to the TLS port');
    });
    socket.on('error', () => undefined); // a client that left wants no answer
    socket.resume();
    socket.end(PLAIN_ANSWER, () => socket.destroy());
  }

  #lookLater(): void {
    if (this.#isClosed) return;
    this.#look = this.#deps.clock.schedule(LOOK_EVERY_MS, () => void this.#reload().finally(() => this.#lookLater()));
  }

  /** Never rejects. The two files are not replaced at one instant: what does not fit together now may fit at the next look. */
  async #reload(): Promise<void> {
    try {
      const mark = await tlsFilesMark(this.#options);
      if (mark === this.#mark) return;
      this.#files = await readTlsFiles(this.#options);
      this.#mark = mark;
      for (const server of this.#servers) server.setSecureContext(this.#files.context);
      this.#toldOfFailure = '';
      this.#tellOfCertificate('took up a new certificate');
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      if (reason === this.#toldOfFailure) return;
      this.#toldOfFailure = reason;
      this.#deps.log.error({ reason }, 'the new certificate cannot be used; the one before it stays in use');
    }
  }

  #tellOfCertificate(message: string): void {
    const { clock, log } = this.#deps;
    const { subject, names, notAfter } = this.#files;
    const facts = { subject, names, notAfter: notAfter.toISOString() };
    log.info(facts, message);
    const leftMs = notAfter.getTime() - clock.wallMs();
    if (leftMs <= 0) log.error(facts, 'this certificate has expired: clients will refuse it');
    else if (leftMs < SOON_MS) log.warn(facts, 'this certificate expires soon');
    if (names === '')
      log.warn(facts, 'this certificate names no host (subjectAltName): docker and all others will refuse it');
  }
}

/** What node:tls does not decide by itself. */
function refuseClient(socket: TLSSocket, wanted: ClientCertificates): void {
  const isGiven = Object.keys(socket.getPeerCertificate()).length > 0;
  const isRefused =
    (wanted === 'verify-if-given' && isGiven && !socket.authorized) || (wanted === 'require' && !isGiven);
  if (isRefused) socket.destroy();
}

const PLAIN_TEXT = JSON.stringify({
  errors: [
    {
      code: 'UNSUPPORTED',
      message:
        'this port speaks HTTPS and got plain HTTP: use https://, and take this registry out of insecure-registries',
    },
  ],
});
const PLAIN_ANSWER = [
  'HTTP/1.1 400 Bad Request',
  'Content-Type: application/json',
  `Content-Length: ${Buffer.byteLength(PLAIN_TEXT)}`,
  'X-Content-Type-Options: nosniff',
  'Connection: close',
  '',
  PLAIN_TEXT,
].join('\r\n');
