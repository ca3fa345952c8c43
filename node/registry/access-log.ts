// Lines of an access log in the form of Apache's "combined", which every tool for such logs reads.

import type { IncomingMessage } from 'node:http';
import type { LineSink } from '../../shared/runtime/log.ts';

/** What is known of a request when its answer is out. */
export interface LoggedRequest {
  readonly clientAddress: string;
  /** Who was let in by name; undefined for everybody else. */
  readonly user: string | undefined;
  readonly raw: IncomingMessage;
  /** The request target as it came. */
  readonly target: string;
  readonly status: number;
  readonly sentBytes: number;
  /** When the request came, in milliseconds since 1970. */
  readonly atMs: number;
}

const MONTHS = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec'];
/** Characters of a field that a client chooses; the rest is left out, so that no line grows without end. */
const MAX_FIELD_CHARS = 2048;

export class AccessLog {
  readonly #sink: LineSink;

  constructor(sink: LineSink) {
    this.#sink = sink;
  }

  add(request: LoggedRequest): void {
    this.#sink.write(combinedLine(request));
  }
}

/** `192.0.2.1 - alice [01/Jan/2026:00:00:00 +0000] "GET /v2/ HTTP/1.1" 200 2 "" "curl/8"` */
function combinedLine(request: LoggedRequest): string {
  const { clientAddress, user, raw, target, status, sentBytes, atMs } = request;
  const { referer, 'user-agent': agent } = raw.headers;
  const line = `${safe(raw.method)} ${safe(target)} HTTP/${raw.httpVersion}`;
  return `${safe(clientAddress)} - ${nameOf(user)} [${timeOf(atMs)}] "${line}" ${status} ${sentBytes} "${safe(referer)}" "${safe(agent)}"`;
}

/** A dash for nobody. A space would end the field. */
function nameOf(user: string | undefined): string {
  return user === undefined || user === '' ? '-' : safe(user).replaceAll(' ', '\\x20');
}

function timeOf(atMs: number): string {
  const [date = '', time = ''] = new Date(atMs).toISOString().split('T');
  const [year = '', month = '', day = ''] = date.split('-');
  return `${day}/${MONTHS[Number(month) - 1]}/${year}:${time.slice(0, 8)} +0000`;
}

/** Nothing that a client sends may end a field or a line, or move the cursor of who reads it. */
function safe(text: string | undefined): string {
  return (text ?? '')
    .slice(0, MAX_FIELD_CHARS)
    .replace(/["\\]/g, '\\$&')
    .replace(/[^\x20-\x7e]/g, (character) => `\\x${character.charCodeAt(0).toString(16).padStart(2, '0')}`);
}
