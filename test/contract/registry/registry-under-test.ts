// How the suite gets a registry to test, whichever one it is.

import { after, before, describe } from 'node:test';
import { RawConnection } from '../../support/raw-connection.ts';
import { RegistryWire } from '../../support/registry-wire.ts';

/** A registry that listens. It may hold anything: each test uses repositories of its own. */
export interface RegistryUnderTest extends AsyncDisposable {
  /** `http://127.0.0.1:port`. */
  readonly baseUrl: string;
}

export type OpenRegistry = () => Promise<RegistryUnderTest>;

/** What a test speaks with. Usable inside tests only: the registry starts before the first one. */
export interface Speaker {
  readonly wire: RegistryWire;
  connect(): Promise<RawConnection>;
}

/** A group of tests over one registry, opened before the first and closed after the last. */
export function describeRegistry(title: string, open: OpenRegistry, define: (speaker: Speaker) => void): void {
  describe(title, () => {
    let registry: RegistryUnderTest | undefined;
    let wire: RegistryWire | undefined;
    before(async () => {
      registry = await open();
      wire = new RegistryWire(registry.baseUrl);
    });
    after(async () => registry?.[Symbol.asyncDispose]());
    define({
      get wire() {
        if (wire === undefined) throw new Error('the registry is not open yet');
        return wire;
      },
      connect() {
        return RawConnection.open(this.wire.baseUrl);
      },
    });
  });
}
