// The rules of the registry API against the real thing: coordinator, store and swarm behind it, nothing made up.

import { testRegistry } from '../../contract/registry/registry-suite.ts';
import { ComposedFleet } from '../../support/composed-fleet.ts';

testRegistry(async () => {
  const fleet = await ComposedFleet.start();
  const { baseUrl } = await fleet.startOwnNode();
  return { baseUrl, [Symbol.asyncDispose]: () => fleet[Symbol.asyncDispose]() };
});
