// What is not HTTP: a TLS handshake on the plain port, broken chunks, headers without end. Answered at once, then closed.

import type { Server, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { plainErrorAnswer } from './oci-error.ts';

/** The response under way on each connection, so that nothing is written into the middle of one. */
export type ResponsesUnderWay = WeakMap<Socket, ServerResponse>;

/** The content type of a TLS handshake record (RFC 8446, section 5.1). */
const TLS_HANDSHAKE = 0x16;
/**
 * Plain HTTP for one who speaks TLS: docker makes "server gave HTTP response to HTTPS client" of it, which every tutorial
 * explains, and containerd takes it as the sign to go on with HTTP. A TLS alert would tell neither.
 */
const SPEAKS_TLS: ClientErrorKind = [
  400,
  'this port speaks plain HTTP/1.1 only, and got TLS: use http://, or put this registry into insecure-registries of docker',
];

type ClientErrorKind = [400 | 408 | 431, string];

export interface ClientErrorDeps {
  readonly responses: ResponsesUnderWay;
  /** Go with every answer. */
  readonly headers: readonly string[];
  /** Told of a client that speaks TLS to the plain port. @param address of the client. */
  readonly onTlsClient: (address: string) => void;
}

/**
 * Answers a connection that does not speak HTTP as it should. While an answer is already going out the connection
 * is torn instead: a client must not take an error text for bytes of a blob.
 */
export function answerClientError(
  deps: ClientErrorDeps,
  error: Error & { readonly code?: string; readonly rawPacket?: unknown },
  socket: Socket,
): void {
  const response = deps.responses.get(socket);
  const isMidAnswer = response !== undefined && response.headersSent && !response.writableFinished;
  if (error.code === 'ECONNRESET' || !socket.writable || isMidAnswer) {
    socket.destroy();
    return;
  }
  if (error.code?.startsWith('ERR_SSL') === true) {
    socket.destroy(); // a handshake that failed: TLS has already said why
    return;
  }
  const { rawPacket } = error;
  const speaksTls = rawPacket instanceof Uint8Array && rawPacket[0] === TLS_HANDSHAKE;
  if (speaksTls) deps.onTlsClient(socket.remoteAddress ?? '');
  const kind = speaksTls ? SPEAKS_TLS : clientErrorKind(error.code);
  socket.end(clientErrorText(kind, deps.headers), () => socket.destroy());
}

/** Connections beyond the limit are closed when they are accepted. */
export function limitConnections(server: Server, maxConnections: number): void {
  server.maxConnections = maxConnections;
}

function clientErrorText(kind: ClientErrorKind, added: readonly string[]): string {
  const { status, headers: own, body } = plainErrorAnswer(...kind);
  const headers = [...own, ...added];
  const lines = [`HTTP/1.1 ${status} ${REASONS[status] ?? 'Error'}`];
  for (let index = 0; index < headers.length; index += 2) lines.push(`${headers[index]}: ${headers[index + 1]}`);
  const text = body instanceof Uint8Array ? Buffer.from(body).toString() : '';
  return `${lines.join('\r\n')}\r\n\r\n${text}`;
}

const REASONS: Readonly<Record<number, string>> = {
  400: 'Bad Request',
  408: 'Request Timeout',
  431: 'Request Header Fields Too Large',
};

function clientErrorKind(code: string | undefined): ClientErrorKind {
  if (code === 'HPE_HEADER_OVERFLOW') return [431, 'request line and headers are too long'];
  if (code === 'ERR_HTTP_REQUEST_TIMEOUT') return [408, 'the request did not arrive in time'];
  return [400, 'this port speaks plain HTTP/1.1 only'];
}
