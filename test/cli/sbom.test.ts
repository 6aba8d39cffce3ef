import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { Spec, Validation } from '@cyclonedx/cyclonedx-library'
import { expect, it } from 'vitest'

const dist = join(import.meta.dirname, '../../dist')
const sbom = readFileSync(join(dist, 'sbom.cdx.json'), 'utf8')
const { metadata, components } = JSON.parse(sbom) as {
  metadata: { component: Component }
  components: Component[]
}

interface Component {
  name: string
  group?: string
  version: string
  purl: string
}

it('the list of bundled packages is CycloneDX', async () => {
  expect(await new Validation.JsonStrictValidator(Spec.Version.v1dot6).validate(sbom)).toBeNull()
  expect(metadata.component.purl).toMatch(/^pkg:npm\/wfstore@\d/)
})

it('it names every package whose code is in a bundle, as the notices do', () => {
  const bundles = readdirSync(join(dist, 'cli')).filter((file) => file.endsWith('.map'))
  const sources = bundles.flatMap((file): string[] => {
    return JSON.parse(readFileSync(join(dist, 'cli', file), 'utf8')).sources
  })
  const bundled = sources.flatMap(
    (source) => /.*node_modules\/((?:@[^/]+\/)?[^/]+)\//.exec(source)?.[1] ?? [],
  )
  const listed = components.map(({ group, name }) => (group ? `${group}/${name}` : name))
  // A package may be there in two versions.
  expect([...new Set(listed)]).toEqual([...new Set(bundled)].sort())
  const notices = readFileSync(join(dist, 'THIRD-PARTY-NOTICES.txt'), 'utf8')
  for (const [index, { version }] of components.entries()) {
    expect(notices).toContain(`\n${listed[index]} ${version}\n`)
  }
})
