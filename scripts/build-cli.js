// The command line as files that Node starts soonest: CommonJS, minified, what is used together in one file, and the
// rest in chunks that are read where a command imports them.
import { mkdir, writeFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { basename, isAbsolute, join } from 'node:path'
import { Readable, Writable } from 'node:stream'
import { build, transform } from 'esbuild'

/** Each file, and what is imported at run time, when asked for, that belongs into it because it mostly is. */
const PACKS = {
  main: [
    'src/cli/main.ts',
    'src/cli/commands/executions/executions.ts',
    'src/cli/commands/executions/close.ts',
    'src/db/connect/connect.ts',
    'src/db/connect/target.ts',
  ],
  store: ['src/store.ts'],
  migrate: [
    'src/cli/commands/migrate/migrate.ts',
    'src/cli/commands/migrate/status.ts',
    'src/cli/commands/migrate/roles.ts',
    'src/db/migrate/up.ts',
  ],
}

/** What the store does for engines, and commands seldom ask of it: chunks of their own, together in a file. */
const RECORD = {
  batch: 'src/record/batch/batch.ts',
  close: 'src/record/recorder/close.ts',
  export: 'src/transfer/export/export.ts',
  import: 'src/transfer/import/import.ts',
  recorder: 'src/record/recorder/recorder.ts',
  spooled: 'src/record/spool/recorder.ts',
}
const isRecord = (files) =>
  files.length > 0 &&
  files.every((file) => /^src\/(record|transfer)\/|\/pg-copy-streams\//.test(file))

/** The files of dist/cli by name, and what esbuild says of them. */
export async function bundleCommandLine(options) {
  const { outputFiles, metafile } = await build({
    ...options,
    entryPoints: [
      { in: 'src/cli/main.ts', out: 'main' },
      { in: 'src/cli/completion/complete.ts', out: 'complete' },
      ...Object.entries(RECORD).map(([name, path]) => ({ in: path, out: `record-${name}` })),
    ],
    outdir: 'dist/cli',
    outExtension: { '.js': '.cjs' },
    minify: true,
    write: false,
    metafile: true,
    plugins: [loadLater],
  })
  const chunks = new Map()
  for (const { path, text } of outputFiles) chunks.set(basename(path), await commonJs(text))
  const entryOf = (source) => {
    const [path] =
      Object.entries(metafile.outputs).find(([, { entryPoint }]) => entryPoint === source) ?? []
    if (path === undefined) throw new Error(`nothing imports ${source} at run time`)
    return basename(path)
  }
  /** Which file a chunk is in: what two of them need is in main.cjs. */
  const homes = new Map()
  for (const [pack, sources] of Object.entries(PACKS)) {
    for (const name of reachable(sources.map(entryOf), chunks)) {
      homes.set(name, homes.has(name) ? 'main' : pack)
    }
  }
  for (const [path, { inputs }] of Object.entries(metafile.outputs)) {
    const name = basename(path)
    if (homes.get(name) === 'store' && isRecord(Object.keys(inputs))) homes.set(name, 'record')
  }
  const files = new Map()
  const everything = [...chunks.values()].join('')
  for (const [name, code] of chunks) {
    if (!homes.has(name) && (name === 'complete.cjs' || everything.includes(`"./${name}"`)))
      files.set(name, headed(linked(code, chunks, homes)))
  }
  for (const pack of new Set(homes.values())) {
    files.set(`${pack}.cjs`, headed(packed(pack, chunks, homes)))
  }
  return { files, metafile }
}

/** What packages load when they start and use later, or never: commander could run programs, pg hash passwords. */
const LATER = [
  { importer: /\/commander\/lib\//, path: 'node:child_process' },
  { importer: /\/pg\/lib\/connection-parameters\.js$/, path: 'dns' },
  { importer: /\/pg\/lib\/client\.js$/, path: './crypto/utils' },
  { importer: /\/pg\/lib\/crypto\/sasl\.js$/, path: './utils' },
]

/** Puts in their place what loads them when the first of their functions is asked for. */
const loadLater = {
  name: 'load-later',
  setup({ onResolve, onLoad, onEnd }) {
    const met = new Set()
    onResolve({ filter: /^(node:child_process|dns|\..*utils)$/ }, ({ path, importer }) => {
      const later = LATER.find((each) => each.path === path && each.importer.test(importer))
      if (!later) return undefined
      met.add(later)
      const file = createRequire(importer).resolve(path)
      return { path: `${importer.split('/').at(-1)} ${path}`, namespace: 'later', pluginData: file }
    })
    // Chosen with NODE_PG_FORCE_NATIVE, which nobody sets for a command.
    onResolve({ filter: /^\.\/native$/ }, () => ({ path: 'pg-native', external: true }))
    onResolve({ filter: /./, namespace: 'later' }, ({ path }) =>
      isAbsolute(path) ? { path, namespace: 'file' } : { path, external: true },
    )
    onLoad({ filter: /./, namespace: 'later' }, ({ pluginData: file }) => ({
      contents: `module.exports = new Proxy({}, { get: (_, name) => require(${JSON.stringify(file)})[name] })`,
      resolveDir: '/',
    }))
    onEnd(() => {
      const gone = LATER.filter((each) => !met.has(each))
      if (gone.length > 0)
        throw new Error(`nobody imports ${gone.map(({ path }) => path)} any more`)
    })
  },
}

async function commonJs(text) {
  const { code } = await transform(text, {
    format: 'cjs',
    platform: 'node',
    target: 'node20.19',
    minify: true,
    define: { 'import.meta.url': 'wfstoreUrl' },
  })
  return (
    code
      // Packages outside the bundle stay imported, as they may be ESM alone.
      .replaceAll(/\bimport\(("\.\/[\w-]+\.cjs")\)/g, 'Promise.resolve().then(()=>require($1))')
      .replaceAll(SLOW_MODULES, '=later(()=>require($1))')
  )
}

/** Modules of Node that take milliseconds, of which only functions are used: loaded with the first call. */
const SLOW_MODULES =
  /=require\(("node:(?:child_process|crypto|readline|zlib|stream\/promises|timers\/promises)")\)(?=[,;])/g

/** `import { a } from './x.js'` has become an assignment, and what it is assigned to is used as `x.a`. */
const REQUIRED = /(=?)\brequire\("\.\/([\w-]+\.cjs)"\)([,;]?)/g

/** The chunks that these load at once. */
function reachable(names, chunks) {
  const found = new Set(names)
  for (const name of found) {
    const code = chunks.get(name).replaceAll(/\.then\(\(\)=>require\("[^"]+"\)\)/g, '')
    for (const [, , next] of code.matchAll(REQUIRED)) found.add(next)
  }
  return found
}

/** A chunk takes the others from where they are, and lets them run when it first uses something of theirs. */
function linked(code, chunks, homes, here) {
  const get = (name) => {
    const home = homes.get(name)
    if (home === undefined) return `require("./${name}")`
    return home === here ? `chunk("${name}")` : `require("./${home}.cjs").chunk("${name}")`
  }
  return code.replaceAll(REQUIRED, (_, assigned, name, end) => {
    if (!assigned || !end) return assigned + get(name) + end
    const [, names] = /0&&\(module\.exports=\{([\w$,]+)\}\)/.exec(chunks.get(name))
    return `=from("${name}",()=>${get(name)},"${names}")${end}`
  })
}

/** One file of chunks, each run when it is first required. In brackets V8 compiles it at once, not twice. */
function packed(pack, chunks, homes) {
  const functions = [...chunks]
    .filter(([name]) => homes.get(name) === pack)
    .map(
      ([name, code]) =>
        `"${name}":(function(module,exports){${linked(code, chunks, homes, pack)}\n})`,
    )
  return `const made={},all={${functions.join(',\n')}};
function chunk(name){let module=made[name];if(!module){made[name]=module={exports:{}};all[name](module,module.exports)}return module.exports}
exports.chunk=chunk;exports.main=(...given)=>chunk("main.cjs").main(...given)`
}

/** Names that the code of a file may use. */
const HEAD = {
  wfstoreUrl: "const wfstoreUrl=require('node:url').pathToFileURL(__filename).href;",
  'later(':
    'const later=(load)=>{let all;return new Proxy({},{get:(_,key)=>(all??=load())[key]})};',
  'from("':
    'const imports={},from=(file,load,names)=>{let of=imports[file],all;if(!of){imports[file]=of={};for(const name of names.split(","))Object.defineProperty(of,name,{get:()=>(all??=load())[name]})}return of};',
}

function headed(code) {
  const head = Object.keys(HEAD).filter((name) => code.includes(name))
  // In ASCII alone a file takes V8 half the memory. What is left of other characters stands in regular expressions.
  const escaped = (char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`
  return head.map((name) => HEAD[name]).join('') + code.replaceAll(/[\u0080-\uffff]/g, escaped)
}

/** What completion does not need to know of a command. */
const UNASKED = ['about', 'default', 'examples', 'exit', 'flags', 'mandatory', 'required', 'usage']

/** What bin/wfstore.js says without the program: dist/help/executions.list.txt is `wfstore executions list --help`. */
export async function writeHelp(root) {
  const { main } = createRequire(import.meta.url)(join(root, 'dist/cli/main.cjs'))
  const folder = join(root, 'dist/help')
  const reference = await said(main, ['help', '--json'])
  await mkdir(folder, { recursive: true })
  for (const words of pathsOf(JSON.parse(reference))) {
    const name = ['wfstore', ...words].join('.')
    await writeFile(join(folder, `${name}.txt`), await said(main, [...words, '--help']))
  }
  const known = (key, value) => (UNASKED.includes(key) ? undefined : value)
  await writeFile(join(folder, 'commands.json'), JSON.stringify(JSON.parse(reference), known))
  for (const shell of ['bash', 'zsh', 'fish'])
    await writeFile(join(folder, `completion.${shell}`), await said(main, ['completion', shell]))
}

/** [], ['executions'], ['executions', 'list'], … */
const pathsOf = ({ command, commands }) => [
  command.split(' ').filter(Boolean),
  ...commands.flatMap(pathsOf),
]

async function said(main, argv) {
  let text = ''
  const stdout = new Writable({
    write: (chunk, _, done) => {
      text += chunk
      done()
    },
  })
  const io = {
    stdin: Readable.from([]),
    stdout,
    stderr: process.stderr,
    // Where there is no config.
    cwd: '/',
    signal: new AbortController().signal,
  }
  const status = await main(argv, io, { WFSTORE_CONFIG: '/dev/null' })
  if (status !== 0) throw new Error(`wfstore ${argv.join(' ')}: status ${status}`)
  return text
}
