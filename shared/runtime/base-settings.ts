// Settings that every long-running program of ours has.

import Type from 'typebox';
import { choice, text } from './settings.ts';

/** Where everything lies. */
export const dataSetting = text({
  placeholder: 'FOLDER',
  default: '/var/lib/shoal',
  description:
    'Folder for everything that is kept. /var/lib is where Linux keeps the state of services; `npm start` uses ./.shoal.',
});

export const logSettings = Type.Object(
  {
    level: choice({
      choices: ['error', 'warn', 'info', 'debug', 'silent'],
      default: 'info',
      description: 'How much is logged. At info: start, stop, pushes, tags moved, nodes joined and left.',
    }),
    format: choice({
      choices: ['auto', 'json', 'pretty', 'logfmt', 'logstash'],
      default: 'auto',
      description:
        'json has one object a line, logstash the same in its words, logfmt is level=info msg="…", pretty is for people; auto is pretty on a terminal and json elsewhere.',
    }),
  },
  { default: {}, additionalProperties: false },
);
