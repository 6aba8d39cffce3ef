// Builds dist/: the library by tsc, file by file as in src/, and the command line as a few bundles.
import { execFileSync } from 'node:child_process'
import { readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { bundleCommandLine } from './bundle.js'
import { writeHelp } from './help.js'
import { linesOnly } from './source-map.js'
import { bundledPackages, notices, sbom } from './third-party.js'

const root = fileURLToPath(new URL('..', import.meta.url))
const dist = `${root}dist`

rmSync(dist, { recursive: true, force: true })
const tsc = ['node_modules/typescript/bin/tsc', '-p', 'tsconfig.build.json']
execFileSync(process.execPath, tsc, { cwd: root, stdio: 'inherit' })
for (const file of readdirSync(dist, { recursive: true })) {
  const path = `${dist}/${file}`
  if (file.endsWith('.js.map')) writeFileSync(path, linesOnly(readFileSync(path, 'utf8')))
}
const packages = bundledPackages(await bundleCommandLine(root))
writeFileSync(`${dist}/THIRD-PARTY-NOTICES.txt`, notices(packages))
writeFileSync(`${dist}/sbom.cdx.json`, sbom(root, packages))
await writeHelp(root)
