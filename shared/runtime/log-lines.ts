// A line of the log in the forms that people and other programs read. Pure; pino gives each line as JSON.

type Fields = Readonly<Record<string, unknown>>;

export type LogFormat = 'json' | 'pretty' | 'logfmt' | 'logstash';

/** From pino's JSON to a line of each form; json is left as it is. */
export const LOG_LINES: Readonly<Record<Exclude<LogFormat, 'json'>, (line: string) => string>> = {
  pretty: prettyLine,
  logfmt: logfmtLine,
  logstash: logstashLine,
};

/** `12:00:00 info  swarm: message  key=value` */
function prettyLine(line: string): string {
  const { level, time, msg, part, err, ...fields } = JSON.parse(line) as Fields;
  const facts = Object.entries(fields).map(
    ([key, value]) => `${key}=${typeof value === 'string' ? value : JSON.stringify(value)}`,
  );
  const clock = String(time).slice(11, 19);
  const where = typeof part === 'string' ? `${part}: ` : '';
  const { reason, stack } = errorTexts(err);
  const text = [`${clock} ${String(level).padEnd(5)} ${where}${String(msg)}${reason}`, ...facts].join('  ');
  return `${text}${stack}\n`;
}

/** An expected failure stands on the line, in its own words and those of its causes; a bug shows below where it happened. */
function errorTexts(err: unknown): { readonly reason: string; readonly stack: string } {
  if (err === undefined) return { reason: '', stack: '' };
  if (typeof err !== 'object' || err === null) return { reason: `: ${JSON.stringify(err)}`, stack: '' };
  if ('stack' in err) return { reason: '', stack: `\n    ${String(err.stack)}` };
  const messages: string[] = [];
  for (let each: unknown = err; typeof each === 'object' && each !== null && 'message' in each;) {
    const message = String(each.message);
    if (!messages.some((before) => before.includes(message))) messages.push(message);
    each = 'cause' in each ? each.cause : undefined;
  }
  return { reason: `: ${messages.length === 0 ? JSON.stringify(err) : messages.join('; ')}`, stack: '' };
}

/** `time="2026-01-01T00:00:00.000Z" level=info msg="message" key=value`, as the reference registry's text. */
function logfmtLine(line: string): string {
  const { level, time, msg, ...fields } = JSON.parse(line) as Fields;
  const pairs = Object.entries({ ...fields }).map(([key, value]) => `${key}=${logfmtValue(value)}`);
  return `${[`time=${JSON.stringify(time)}`, `level=${String(level)}`, `msg=${JSON.stringify(msg)}`, ...pairs].join(' ')}\n`;
}

function logfmtValue(value: unknown): string {
  const text = typeof value === 'string' ? value : JSON.stringify(value);
  return /^[A-Za-z0-9._/@^+:-]+$/.test(text) ? text : JSON.stringify(text);
}

/** JSON with the names that logstash gives to time, level and message. */
function logstashLine(line: string): string {
  const { level, time, msg, ...fields } = JSON.parse(line) as Fields;
  return `${JSON.stringify({ '@timestamp': time, '@version': '1', level, message: msg, ...fields })}\n`;
}
