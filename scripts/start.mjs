// `npm start`: a registry on localhost:5000 with its data in ./.shoal, from a fresh checkout.
// Further arguments go to `shoal up`, for example `npm start -- --http 127.0.0.1:5001`.

import { pathToFileURL } from 'node:url';
import { ensureBuilt, ensureInstalled, mainFile, runScript } from './setup.mjs';

await runScript(async () => {
  await ensureInstalled();
  await ensureBuilt();
  const given = process.argv.slice(2);
  const data = given.some((argument) => argument === '--data' || argument.startsWith('--data='))
    ? []
    : ['--data', './.shoal'];
  process.argv = [process.execPath, mainFile, 'up', ...data, ...given];
  await import(pathToFileURL(mainFile).href);
});
