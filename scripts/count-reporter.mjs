// A node:test reporter that writes the runner's own final counts as one line of JSON.

const COUNTED = /^(pass|fail|cancelled|skipped|todo) (\d+)$/;

/** Chosen with --test-reporter; scripts/test.mjs reads the line and adds it to those of the other groups. */
export default async function* countReporter(source) {
  const counts = { pass: 0, fail: 0, cancelled: 0, skipped: 0, todo: 0 };
  let skippedSuites = 0; // the runner does not count what it skips as a whole
  for await (const { type, data } of source) {
    if (type === 'test:pass' && data.details.type === 'suite' && data.skip !== undefined) skippedSuites += 1;
    const match = type === 'test:diagnostic' && data.nesting === 0 ? COUNTED.exec(data.message) : null;
    if (match !== null) counts[match[1]] = Number(match[2]);
  }
  yield JSON.stringify({ ...counts, skipped: counts.skipped + skippedSuites });
}
