import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { expect } from 'vitest'

const folder = join(import.meta.dirname, '../golden')

/**
 * Compares with test/golden/<name>, byte for byte. UPDATE_GOLDEN=1 writes the file; read its diff. Without it a missing
 * file is a failure.
 */
export function expectGolden(name: string, actual: string): void {
  const path = join(folder, name)
  if (process.env.UPDATE_GOLDEN === '1') {
    mkdirSync(dirname(path), { recursive: true })
    writeFileSync(path, actual)
    return
  }
  expect(actual, `${name} (UPDATE_GOLDEN=1 accepts a change)`).toBe(read(path))
}

function read(path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch (error) {
    throw new Error(`no golden file ${path}; UPDATE_GOLDEN=1 makes it`, { cause: error })
  }
}
