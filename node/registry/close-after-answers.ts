// Closing connections when the registry stops: each after its last answer, and none before all of that is out.

import type { IncomingMessage, ServerResponse } from 'node:http';
import type { FastifyInstance } from 'fastify';

/**
 * A connection that was busy when the app began to close would stay open for its keep-alive time after its answer; one that asks again is
 * told. Node takes a connection for idle as soon as its answer was ended, though the last bytes may still wait for the client to read, and
 * would cut those off; so none is closed while there are such answers. How long they may take the watch for stalled clients bounds.
 */
export function closeAfterAnswers(app: FastifyInstance): void {
  const { server } = app;
  const open = new Set<ServerResponse>();
  let isClosing = false;
  const closeIdle = server.closeIdleConnections.bind(server);
  // Node calls this by itself when the server closes.
  server.closeIdleConnections = () => {
    const isSending = [...open].some(({ writableEnded }) => writableEnded);
    if (!isSending) closeIdle();
  };
  app.addHook('preClose', (done) => {
    isClosing = true;
    done();
  });
  server.prependListener('request', (_request: IncomingMessage, response: ServerResponse) => {
    if (isClosing) response.shouldKeepAlive = false;
    open.add(response);
    response.once('close', () => {
      open.delete(response);
      if (isClosing) server.closeIdleConnections();
    });
  });
}
