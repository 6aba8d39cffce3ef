// Of the declarations that tsc has written to dist/types, keeps those that the public ones lead to.
import { readdirSync, readFileSync, rmSync } from 'node:fs'
import { dirname, join, relative } from 'node:path'
import { fileURLToPath } from 'node:url'

const types = fileURLToPath(new URL('../dist/types', import.meta.url))
const needed = new Set(['index.d.ts'])
for (const file of needed) {
  const text = readFileSync(join(types, file), 'utf8')
  for (const [, path] of text.matchAll(/(?:\bfrom|\bimport|import\()\s*['"](\.[^'"]+)['"]/g)) {
    needed.add(relative(types, join(types, dirname(file), path.replace(/\.ts$/, '.d.ts'))))
  }
}
for (const file of readdirSync(types, { recursive: true })) {
  if (file.endsWith('.d.ts') && !needed.has(file)) rmSync(join(types, file))
}
