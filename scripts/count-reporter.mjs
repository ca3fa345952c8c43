// A node:test reporter that writes the runner's own final counts as one line of JSON.

const COUNTED = /^(pass|fail|cancelled|skipped|todo) (\d+)$/;

/** Chosen with --test-reporter; scripts/test.mjs reads the line and adds it to those of the other groups. */
export default async function* countReporter(source) {
  const counts = { pass: 0, fail: 0, cancelled: 0, skipped: 0, todo: 0 };
  for await (const event of source) {
    if (event.type !== 'test:diagnostic' || event.data.nesting !== 0) continue;
    const match = COUNTED.exec(event.data.message);
    if (match !== null) counts[match[1]] = Number(match[2]);
  }
  yield JSON.stringify(counts);
}
