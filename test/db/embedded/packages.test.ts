import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { platforms, serverPackage } from '../../../src/db/embedded/packages.ts'

const lock = JSON.parse(
  readFileSync(join(import.meta.dirname, '../../../package-lock.json'), 'utf8'),
) as { packages: Record<string, { version: string; integrity: string }> }

it('what wfstore installs is what the lock file has, which the tests use', () => {
  const locked = platforms().map((platform) => {
    const { name, version, integrity } = serverPackage(platform) as NonNullable<
      ReturnType<typeof serverPackage>
    >
    return { name, found: { version, integrity }, locked: lock.packages[`node_modules/${name}`] }
  })
  for (const { name, found, locked: expected } of locked)
    expect(expected, name).toMatchObject(found)
  expect(platforms().length).toBe(5)
})

it('there is none for a platform that npm has no server for', () => {
  expect(serverPackage('aix-ppc64')).toBeUndefined()
})
