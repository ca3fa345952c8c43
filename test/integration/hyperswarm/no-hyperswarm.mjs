// Makes the packages of hyperswarm impossible to load in this process, as on a host without ready-made binaries.

import { register } from 'node:module';

const hooks = `export async function resolve(name, context, next) {
  if (name === 'hyperdht') throw new Error('No addon for linux-x64-musl');
  return next(name, context);
}`;
register(`data:text/javascript,${encodeURIComponent(hooks)}`);
