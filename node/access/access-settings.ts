// The settings of access, part of those of a node.

import Type from 'typebox';
import { choice, list, text } from '../../shared/runtime/settings.ts';

/** Schema; see node/config.ts. */
export const accessSettings = Type.Object(
  {
    scheme: choice({
      default: 'open',
      choices: ['open', 'basic', 'token', 'external'],
      description:
        'Who gets in. open: whoever reaches the port, the registry of a host for itself. basic: users, a password with each request. token: the same users by tokens that nodes give out, and everybody for what is granted to anonymous. Users are those of the fleet (`shoal user add`), or of access.htpasswd. external: tokens of an issuer elsewhere.',
    }),
    realm: text({
      default: 'Shoal',
      description: 'What clients show when they ask for a password.',
    }),
    service: text({
      default: 'shoal',
      description: 'The name of this registry in tokens; tokens for another name are refused.',
    }),
    htpasswd: Type.Optional(
      text({
        placeholder: 'FILE',
        description:
          'Users of this node, in the place of those of the fleet, with bcrypt hashes as `htpasswd -Bn USER` prints them. Read again when it changes.',
      }),
    ),
    grants: list({
      default: [],
      maxItems: 10_000,
      description:
        'With access.htpasswd: rights, each as WHO ACTIONS REPOSITORIES: "anonymous pull public/**", "ci pull,push team/*", "authenticated pull **". Actions: pull, push, delete, admin (all, and the catalog). Nothing given: everybody with a login may do everything.',
    }),
    tokenUrl: Type.Optional(
      text({ placeholder: 'URL', description: 'With access.scheme external: where clients get tokens.' }),
    ),
    tokenPath: Type.Optional(
      text({
        placeholder: 'PATH',
        description: 'With access.scheme external: clients get tokens at this path of the host that they asked.',
      }),
    ),
    tokenIssuer: Type.Optional(
      text({ description: 'With access.scheme external: who signs tokens, as the tokens name it.' }),
    ),
    tokenCertificates: Type.Optional(
      text({
        placeholder: 'FILE',
        description: 'With access.scheme external: certificates (PEM) whose keys, or whose successors, sign tokens.',
      }),
    ),
    tokenKeys: Type.Optional(
      text({
        placeholder: 'FILE',
        description: 'With access.scheme external: a JSON Web Key Set that tokens are checked with.',
      }),
    ),
    tokenAlgorithms: list({
      default: [],
      maxItems: 20,
      description:
        'With access.scheme external: signatures that count. None given: EdDSA, RS, ES and PS with 256, 384 and 512, all that need no shared secret.',
    }),
  },
  { default: {}, additionalProperties: false },
);
