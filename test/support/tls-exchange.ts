// One request over TLS with a client certificate, or without one, whoever the other end is.

import { request } from 'node:https';
import { text } from 'node:stream/consumers';
import { parseHostPort } from '../../shared/runtime/host-port.ts';

export interface TlsCaller {
  /** `host:port` */
  readonly address: string;
  readonly cert?: string | undefined;
  readonly key?: string | undefined;
}

export async function tlsExchange(
  { address, cert, key }: TlsCaller,
  asked: { readonly method: string; readonly path: string; readonly body?: string },
): Promise<{ readonly status: number; readonly body: string }> {
  const { method, path, body } = asked;
  const isRead = method === 'GET' || body === undefined;
  return new Promise((resolve, reject) => {
    const asking = request(
      {
        ...parseHostPort(address),
        method,
        path,
        agent: false,
        rejectUnauthorized: false,
        ...(cert === undefined ? {} : { cert, key }),
        headers: isRead ? {} : { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) },
      },
      (answer) => {
        text(answer).then((all) => resolve({ status: answer.statusCode ?? 0, body: all }), reject);
      },
    );
    asking.once('error', reject);
    asking.end(isRead ? undefined : body);
  });
}
