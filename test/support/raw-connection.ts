// HTTP as bytes on a socket, for what no well-behaved client sends and for answers that must be seen as they are.

import { connect, type Socket } from 'node:net';

/** One answer as it came, header lines in order. */
export interface RawAnswer {
  readonly status: number;
  /** Every value of a header, one per line. Names compare without regard to case. */
  header(name: string): readonly string[];
  readonly body: Buffer;
}

/** A connection that stays open until disposed, so that bytes after an answer are seen as the next answer's. */
export class RawConnection implements AsyncDisposable {
  readonly #socket: Socket;
  #received = Buffer.alloc(0);
  #isEnded = false;
  #wake: () => void = () => undefined;

  private constructor(socket: Socket) {
    this.#socket = socket;
    socket.on('data', (chunk: Buffer) => {
      this.#received = Buffer.concat([this.#received, chunk]);
      this.#wake();
    });
    const onEnd = (): void => {
      this.#isEnded = true;
      this.#wake();
    };
    socket.on('end', onEnd).on('close', onEnd).on('error', onEnd);
  }

  static async open(baseUrl: string): Promise<RawConnection> {
    const { hostname, port } = new URL(baseUrl);
    const socket = connect({ host: hostname, port: Number(port) });
    await new Promise<void>((resolve, reject) => {
      socket.once('connect', resolve).once('error', reject);
    });
    return new RawConnection(socket);
  }

  /** Sends bytes as they are; lines are the caller's own. */
  send(bytes: string | Uint8Array): void {
    this.#socket.write(bytes);
  }

  /** Waits until the server says that it has taken up a request sent with `Expect: 100-continue`. */
  async continued(): Promise<void> {
    const wanted = 'HTTP/1.1 100 Continue\r\n\r\n';
    const line = await this.#take((bytes) => (bytes.length >= wanted.length ? wanted.length : undefined));
    if (line.toString('latin1') !== wanted) throw new Error(`not 100 Continue: ${line.toString('latin1')}`);
  }

  /** Stops reading, as a client does that is busy elsewhere. */
  pause(): void {
    this.#socket.pause();
  }

  /** Goes away without a word. */
  destroy(): void {
    this.#socket.destroy();
  }

  /** The next answer. @param options.method HEAD answers have no body, whatever their length says. */
  async answer(options: { readonly method?: string } = {}): Promise<RawAnswer> {
    const head = await this.#take((bytes) => {
      const end = bytes.indexOf('\r\n\r\n');
      return end < 0 ? undefined : end + 4;
    });
    const [statusLine = '', ...lines] = head.toString('latin1').trimEnd().split('\r\n');
    const pairs = lines.map((line) => [
      line.slice(0, line.indexOf(':')).toLowerCase(),
      line.slice(line.indexOf(':') + 1).trim(),
    ]);
    const header = (name: string): string[] =>
      pairs.filter(([known]) => known === name.toLowerCase()).map(([, value]) => value ?? '');
    const status = Number(statusLine.split(' ')[1]);
    const hasBody = options.method !== 'HEAD' && status !== 204 && status !== 304;
    const length = hasBody ? Number(header('content-length')[0] ?? 0) : 0;
    const body = await this.#take((bytes) => (bytes.length >= length ? length : undefined));
    return { status, header, body };
  }

  /** What is left when the server has closed. */
  async rest(): Promise<Buffer> {
    while (!this.#isEnded) await this.#more();
    return this.#received;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#socket.closed) return;
    await new Promise<void>((resolve) => {
      this.#socket.once('close', () => resolve());
      this.#socket.destroy();
    });
  }

  async #take(find: (bytes: Buffer) => number | undefined): Promise<Buffer> {
    for (;;) {
      const length = find(this.#received);
      if (length !== undefined) {
        const taken = this.#received.subarray(0, length);
        this.#received = this.#received.subarray(length);
        return taken;
      }
      if (this.#isEnded)
        throw new Error(
          `connection closed in the middle of an answer: ${this.#received.toString('latin1').slice(0, 200)}`,
        );
      await this.#more();
    }
  }

  #more(): Promise<void> {
    return new Promise((resolve) => {
      this.#wake = resolve;
    });
  }
}
