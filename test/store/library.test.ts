// The library as it is installed: the modules that `npm run build` made of src/index.ts.
import { execFileSync } from 'node:child_process'
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join, relative, resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import { build } from 'rolldown'
import { expect, it } from 'vitest'
import { createMigrated } from '../support/migrated.ts'

const root = resolve(import.meta.dirname, '../..')
const dist = join(root, 'dist')
const files = readdirSync(dist, { recursive: true, encoding: 'utf8' }).filter(
  (file) => !/^(cli|help|compiled)\//.test(file),
)
const modules = files.filter((file) => file.endsWith('.js'))
const manifest = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'))

function run(code: string, ...flags: string[]): string {
  const { PATH, HOME } = process.env
  const head = `import { openStore } from ${JSON.stringify(pathToFileURL(join(dist, 'index.js')))}\n`
  return execFileSync(process.execPath, [...flags, '--input-type=module', '-e', head + code], {
    cwd: root,
    env: { PATH, HOME },
    encoding: 'utf8',
  })
}

it('a hook on the pg of the application sees every query', async () => {
  const database = await createMigrated('library')
  const seen = run(`
    import pg from 'pg'
    const { query } = pg.Client.prototype
    const seen = []
    pg.Client.prototype.query = function (...args) {
      seen.push(args[0].text ?? args[0], ...(args[0].values ?? []))
      return query.apply(this, args)
    }
    const store = openStore({ databaseUrl: ${JSON.stringify(database.url)} })
    const run = await store.startExecution({ workflowName: 'w', userId: 'u', mode: 'm', modelId: 'x' })
    await run.finish({ status: 'success' })
    await store.executions.list()
    await store.close()
    console.log(seen.join('\\n'))`)
  expect(seen).toMatch(/insert into workflow_executions/)
  expect(seen).toMatch(/insert into billing_records/)
  expect(seen).toMatch(/select .* from workflow_executions/s)
  await database.drop()
})

it('each package that it imports is a dependency', () => {
  const code = modules.map((file) => readFileSync(join(dist, file), 'utf8')).join('\n')
  const packages = [
    ...code.matchAll(/(?:from |import\()'((?:@[^/']+\/)?[a-z][^'/:]*)(?:\/[^':]*)?'/g),
  ].map(([, name]) => name)
  expect(packages).toContain('pg')
  expect(Object.keys(manifest.dependencies)).toEqual(expect.arrayContaining(packages))
})

it('its public types need no types of a package, such as @types/pg', () => {
  const reached = new Set(['index.d.ts'])
  const packages: string[] = []
  for (const file of reached) {
    const text = readFileSync(join(dist, file), 'utf8')
    for (const [, name = ''] of text.matchAll(/(?:from |import\()'([^']+)'/g)) {
      if (name.startsWith('.'))
        reached.add(join(dirname(file), name).replace(/\.(ts|js)$/, '.d.ts'))
      else if (!name.startsWith('node:')) packages.push(`${file}: ${name}`)
    }
  }
  expect(reached).toContain('store/types.d.ts')
  expect(packages).toEqual([])
})

it('holds no file of the command line, and every map leads to a source in the package', () => {
  expect(modules.filter((file) => file.startsWith('cli/'))).toEqual([])
  const listed = execFileSync('npm', ['pack', '--dry-run', '--json', '--ignore-scripts'], {
    cwd: root,
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'ignore'],
  })
  const [pack] = Object.values<{ files: { path: string }[] }>(JSON.parse(listed))
  const packed = new Set(pack?.files.map(({ path }) => path))
  expect([...packed].filter((path) => path.startsWith('src/cli/'))).toEqual([])
  for (const file of files.filter((name) => /\.(js|d\.ts)$/.test(name))) {
    const path = join(dist, file)
    const map = /\/\/# sourceMappingURL=(.*)$/m.exec(readFileSync(path, 'utf8'))?.[1]
    const module = file.replace(/(\.d)?\.[a-z]+$/, '')
    expect(map !== undefined, file).toBe(packed.has(`src/${module}.ts`))
    if (map === undefined) continue
    const { sources } = JSON.parse(readFileSync(join(dirname(path), map), 'utf8'))
    expect(sources.map((source: string) => relative(root, join(dirname(path), source)))).toEqual([
      `src/${module}.ts`,
    ])
  }
  const useless = [...packed]
    .filter((path) => /^src\/.*(?<!\.d)\.ts$/.test(path))
    .filter((path) => !files.includes(path.replace(/^src\/(.*)\.ts$/, '$1.js')))
  expect(useless).toEqual([])
  expect(packed).toContain('dist/store.js.map')
  expect(packed).toContain('dist/index.d.ts.map')
})

it('with source maps on, an error names the file and line of its source', () => {
  const stack = run(
    `try { openStore({ databaseUrl: 'nonsense' }) } catch (error) { console.log(error.stack) }`,
    '--enable-source-maps',
  )
  expect(stack).toMatch(/src\/store\.ts:\d+:\d+/)
})

it('createHandler loads the server of the command line, whose errors are WfstoreErrors of the library', () => {
  const printed = run(`
    import { createHandler, WfstoreError } from ${JSON.stringify(pathToFileURL(join(dist, 'index.js')))}
    const store = openStore({ databaseUrl: 'postgresql://127.0.0.1:9/none' })
    const onError = (error) => console.log(error instanceof WfstoreError, error.code, error.hint !== undefined)
    const authorize = () => ({ name: 'maria', can: 'read' })
    const handler = createHandler({ store, authorize, onError })
    const { status } = await handler(new Request('http://localhost/readyz'))
    console.log(status)`)
  expect(printed).toBe('true unreachable true\n503\n')
})

it('a bundler finds the server too', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'wfstore-bundled-'))
  writeFileSync(
    join(folder, 'app.mjs'),
    `import { createHandler, openStore } from ${JSON.stringify(join(dist, 'index.js'))}
    const store = openStore({ databaseUrl: 'postgresql://127.0.0.1:9/none' })
    const handler = createHandler({ store, authorize: () => undefined })
    console.log((await handler(new Request('http://localhost/readyz'))).status)`,
  )
  await build({
    cwd: folder,
    input: 'app.mjs',
    platform: 'node',
    external: ['pg-native', 'pg-cloudflare'],
    checks: { ineffectiveDynamicImport: false },
    output: { dir: 'out' },
  })
  const printed = execFileSync(process.execPath, [join(folder, 'out/app.js')], { encoding: 'utf8' })
  expect(printed).toBe('503\n')
  rmSync(folder, { recursive: true })
})

it('has no top-level await, so CommonJS can require it', () => {
  const code = `const { openStore } = require(${JSON.stringify(root)}); console.log(typeof openStore)`
  expect(execFileSync(process.execPath, ['-e', code], { encoding: 'utf8' })).toBe('function\n')
})
