// Every route of the coordinator's HTTPS API, as the program adds them, asked by everybody who may come to its port.

import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { fastify } from 'fastify';
import { addApiRoutes, type ApiDeps } from '../../../coordinator/http/api-routes.ts';
import { NodeIdentityFile } from '../../../node/identity/node-identity.ts';
import { dataFolder } from '../../../shared/runtime/data-folder.ts';
import { silentLogger as log } from '../../../shared/runtime/log.ts';
import { ComposedFleet } from '../../support/composed-fleet.ts';
import { tlsExchange, type TlsCaller } from '../../support/tls-exchange.ts';

/** Open to others than administrators. Whoever adds a route for others has to say so here. */
const ALSO_OPEN_TO: Readonly<Record<string, readonly Asking[]>> = {
  'POST /api/enrol': ['nobody', 'stranger', 'node'], // the token in the body decides
  'POST /api/renew': ['node'],
  'GET /api/status': ['node'],
  'GET /api/rollout': ['node'],
  'GET /api/nodes': ['node'],
};
type Asking = 'nobody' | 'stranger' | 'node';

/** Each method with its path, parameters filled in. */
async function routes(): Promise<readonly string[]> {
  const found = new Set<string>();
  const app = fastify();
  app.addHook('onRoute', ({ method, url }) => {
    for (const each of [method].flat()) if (each !== 'HEAD') found.add(`${each} ${url.replaceAll(/:\w+/g, 'alice')}`);
  });
  addApiRoutes(app, {} as ApiDeps); // nothing is called
  await app.ready();
  return [...found].toSorted();
}

describe('The HTTPS API of a coordinator', () => {
  let fleet: ComposedFleet;
  let foreign: ComposedFleet;
  const callers = new Map<Asking, TlsCaller>();

  before(async () => {
    fleet = await ComposedFleet.start();
    foreign = await ComposedFleet.start();
    await using node = await fleet.startNode('node');
    assert.ok(node.running.nodeId !== '');
    const identity = await NodeIdentityFile.open({ log }, dataFolder(`${fleet.folder}/node`).nodeIdentity);
    assert.ok(identity !== undefined);
    const { cert, key } = identity.tls();
    const { cert: foreignCert, key: foreignKey } = foreign.admin;
    const { address } = fleet.admin;
    callers.set('nobody', { address });
    callers.set('stranger', { address, cert: foreignCert, key: foreignKey });
    callers.set('node', { address, cert, key });
  });

  after(async () => {
    await fleet[Symbol.asyncDispose]();
    await foreign[Symbol.asyncDispose]();
  });

  test('has the routes of users, robots and rights among those that are asked here', async () => {
    const all = await routes();

    for (const path of ['/api/users', '/api/robots', '/api/rights', '/api/audit', '/api/collection'])
      assert.ok(
        all.some((route) => route.endsWith(path)),
        `${path} of ${all.join(', ')}`,
      );
    for (const open of Object.keys(ALSO_OPEN_TO)) assert.ok(all.includes(open), `${open} is no route any more`);
  });

  test('refuses everybody who is no administrator, before it looks at what was sent', async () => {
    for (const route of await routes()) {
      const [method = '', path = ''] = route.split(' ');
      for (const [asking, caller] of callers) {
        if (ALSO_OPEN_TO[route]?.includes(asking) === true) continue;
        // What no route takes: only one that asks for access first does not say so.
        const { status, body } = await tlsExchange(caller, { method, path, body: '{"not":"a request"}' });
        assert.ok([401, 403].includes(status), `${asking}: ${route} answered ${status} ${body}`);
      }
    }
    const users = await tlsExchange(fleet.admin, { method: 'GET', path: '/api/users' });
    assert.equal(users.status, 200);
    assert.deepEqual(JSON.parse(users.body), { accounts: [], anonymous: [], authenticated: [] });
  });
});
