// Builds dist/: the library by tsc, file by file as in src/, and the command line as a few bundles.
import { execFileSync } from 'node:child_process'
import { existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { bundleCommandLine } from './bundle.js'
import { writeHelp } from './help.js'
import { linesOnly } from './source-map.js'
import { bundledPackages, notices, sbom } from './third-party.js'

const root = fileURLToPath(new URL('..', import.meta.url))
const dist = `${root}dist`
const compiler = `${root}node_modules/typescript/bin/tsc`

rmSync(dist, { recursive: true, force: true })
compile('--emitDeclarationOnly')
// Comments are in the declarations and in the sources.
compile('--removeComments', '--declaration', 'false', '--declarationMap', 'false')
const declarations = reachable(`${dist}/index.d.ts`)
const packed = JSON.parse(readFileSync(`${root}package.json`, 'utf8')).files
for (const file of readdirSync(dist, { recursive: true })) {
  const path = resolve(dist, file)
  if (/\.d\.ts(\.map)?$/.test(file) && !declarations.has(path.replace(/\.map$/, ''))) rmSync(path)
  else if (file.endsWith('.map') && !isPacked(file.replace(/(\.d)?\.[a-z]+\.map$/, '')))
    dropMap(path)
  else if (file.endsWith('.js.map')) writeFileSync(path, linesOnly(readFileSync(path, 'utf8')))
}
writeFileSync(`${root}src/.npmignore`, `${sourcesOfNothing().join('\n')}\n`)
const packages = bundledPackages(await bundleCommandLine(root))
writeFileSync(`${dist}/THIRD-PARTY-NOTICES.txt`, notices(packages))
writeFileSync(`${dist}/sbom.cdx.json`, sbom(root, packages))
await writeHelp(root)

/** True if the package has the source of a module. The last entry that names it, or a folder around it, decides. */
function isPacked(module) {
  const source = `src/${module}.ts`
  const names = (entry) => source === entry || source.startsWith(`${entry}/`)
  return !packed.findLast((entry) => names(entry.replace(/^!/, '')))?.startsWith('!')
}

/** The sources from which no module of the library is made: no map leads to them. `npm pack` leaves them out. */
function sourcesOfNothing() {
  const made = (source) => existsSync(`${dist}/${source.replace(/\.ts$/, '.js')}`)
  return readdirSync(`${root}src`, { recursive: true }).filter(
    (source) => /(?<!\.d)\.ts$/.test(source) && !made(source),
  )
}

/** A map without its source leads nowhere. */
function dropMap(map) {
  rmSync(map)
  const file = map.replace(/\.map$/, '')
  writeFileSync(file, readFileSync(file, 'utf8').replace(/\n\/\/# sourceMappingURL=.*\s*$/, '\n'))
}

/** The files that a program with this declaration reads. No program can import the others. */
function reachable(declaration) {
  const options = '--ignoreConfig --module nodenext --target es2022 --listFilesOnly'.split(' ')
  const list = [compiler, ...options, declaration]
  const files = execFileSync(process.execPath, list, { cwd: root, encoding: 'utf8' })
  return new Set(files.split('\n').map((file) => resolve(file)))
}

function compile(...options) {
  const words = [compiler, '-p', 'tsconfig.build.json', ...options]
  execFileSync(process.execPath, words, { cwd: root, stdio: 'inherit' })
}
