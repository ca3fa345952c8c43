// Somebody who asks for something.

import type { Requester } from '../../shared/protocol/requester.ts';

export function someRequester(facts: Partial<Requester> = {}): Requester {
  return {
    user: '',
    address: '192.0.2.1',
    userAgent: 'docker/28.0.0 go/1.24',
    requestId: '7f1c1c1e-6d8b-4b43-9d3f-6a1f8a3a6a11',
    method: 'PUT',
    host: 'localhost:5000',
    baseUrl: 'http://localhost:5000',
    registry: 'host:5000',
    ...facts,
  };
}
