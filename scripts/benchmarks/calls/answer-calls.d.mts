/** Answers calls by name, each of which takes its parameters and gives a promise of its result; see answer-calls.mjs. */
export function answerCalls(calls: Readonly<Record<string, (params: never) => Promise<unknown>>>): void;
