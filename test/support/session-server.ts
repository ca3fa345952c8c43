// A small coordinator for tests of the node's side: real TLS, real WebSockets, answers that the test gives.

import { createServer, type Server } from 'node:https';
import type { AddressInfo } from 'node:net';
import type { TLSSocket } from 'node:tls';
import { WebSocketServer, type WebSocket } from 'ws';
import { identityOf } from '../../shared/identity/certificate-names.ts';
import { SESSION_PATH } from '../../shared/protocol/admin-api.ts';
import type { CoordinatorEvent, MethodName, Params, Result } from '../../shared/protocol/coordinator-methods.ts';
import { decodeRequest, encodeError, encodeEvent, encodeResult } from '../../shared/protocol/session-codec.ts';
import type { TestFleet } from './fleet-identity.ts';

export type Answers = { [M in MethodName]?: (params: Params<M>, nodeId: string) => Result<M> | Promise<Result<M>> };
type HttpAnswer = (body: unknown, peer: TLSSocket) => { readonly status: number; readonly body: object };

export interface SessionServer extends AsyncDisposable {
  /** `127.0.0.1:port` */
  readonly address: string;
  readonly port: number;
  /** Every call in order. */
  readonly calls: Array<{ readonly method: MethodName; readonly params: unknown }>;
  /** Open sockets of nodes. */
  readonly sockets: ReadonlySet<WebSocket>;
  emit(event: CoordinatorEvent): void;
}

/** Listens on loopback. @param options.port 0 for any; @param options.http answers of the HTTPS API by `METHOD path`. */
export async function startSessionServer(
  fleet: TestFleet,
  options: {
    readonly answers?: Answers;
    readonly http?: Readonly<Record<string, HttpAnswer>>;
    readonly port?: number;
  } = {},
): Promise<SessionServer> {
  const calls: SessionServer['calls'] = [];
  const sockets = new Set<WebSocket>();
  const server = createServer({ ...(await fleet.coordinatorTls()), requestCert: true, rejectUnauthorized: false });
  const webSockets = new WebSocketServer({ noServer: true });
  server.on('upgrade', (request, socket, head) => {
    const tls = request.socket as TLSSocket;
    const identity = tls.authorized ? identityOf(tls.getPeerCertificate()) : undefined;
    if (request.url !== SESSION_PATH || identity?.role !== 'node') {
      socket.end('HTTP/1.1 403 Forbidden\r\nconnection: close\r\n\r\n');
      return;
    }
    webSockets.handleUpgrade(request, socket, head, (webSocket) => {
      sockets.add(webSocket);
      webSocket.on('close', () => sockets.delete(webSocket));
      webSocket.on('message', (data: Buffer) => {
        void respond({ webSocket, data, nodeId: identity.id });
      });
    });
  });
  server.on('request', (request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      const answer = options.http?.[`${request.method} ${request.url}`];
      const text = Buffer.concat(chunks).toString('utf8');
      const body: unknown = text === '' ? undefined : JSON.parse(text);
      const result = answer?.(body, request.socket as TLSSocket) ?? { status: 404, body: {} };
      response.writeHead(result.status, { 'content-type': 'application/json' }).end(JSON.stringify(result.body));
    });
  });

  async function respond(frame: { webSocket: WebSocket; data: Buffer; nodeId: string }): Promise<void> {
    const { webSocket, data, nodeId } = frame;
    const request = decodeRequest(data);
    if (request === undefined) {
      webSocket.close(1008);
      return;
    }
    calls.push({ method: request.method, params: request.params });
    try {
      const given = options.answers?.[request.method] as ((params: unknown, nodeId: string) => unknown) | undefined;
      const hello = { fleetId: fleet.fleetId, nodeId, removedNodes: [] };
      const result =
        given === undefined && request.method === 'session.hello' ? hello : await given?.(request.params, nodeId);
      webSocket.send(encodeResult(request.id, result ?? {}));
    } catch (error) {
      webSocket.send(encodeError(request.id, error));
    }
  }

  await listen(server, options.port ?? 0);
  const { port } = server.address() as AddressInfo;
  return {
    address: `127.0.0.1:${port}`,
    port,
    calls,
    sockets,
    emit(event) {
      for (const socket of sockets) socket.send(encodeEvent(event));
    },
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.terminate();
      webSockets.close();
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

function listen(server: Server, port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, '127.0.0.1', resolve);
  });
}
