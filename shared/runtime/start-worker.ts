// Starts a worker thread from a module of ours, built or as source.

import { Worker, type ResourceLimits } from 'node:worker_threads';

/**
 * @param importMetaUrl of the module beside which the worker's module lies; it tells whether sources run.
 * @param name of the worker's module, without its ending.
 */
export function startWorker(
  importMetaUrl: string,
  name: string,
  options: { readonly resourceLimits: ResourceLimits },
): Worker {
  const isSource = importMetaUrl.endsWith('.ts');
  const entry = new URL(`./${name}${isSource ? '.ts' : '.js'}`, importMetaUrl);
  if (!isSource) return new Worker(entry, options);
  const loader = import.meta.resolve('tsx/esm/api');
  const code = `import(${JSON.stringify(loader)}).then((loader) => { loader.register(); return import(${JSON.stringify(entry.href)}); });`;
  return new Worker(code, { ...options, eval: true });
}
