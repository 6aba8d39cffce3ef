// The licences and the SBOM of the packages that are bundled into the command line.
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'

/** The manifests and folders of the packages in these chunks, sorted by name. */
export function bundledPackages(chunks) {
  const folders = new Set()
  for (const { modules } of chunks) {
    for (const [file, { renderedLength }] of Object.entries(modules)) {
      const folder = /^.*node_modules\/(?:@[^/]+\/)?[^/]+/.exec(file)?.[0]
      // The names of virtual modules begin with a NUL.
      if (folder && renderedLength > 0 && !file.startsWith('\0')) folders.add(folder)
    }
  }
  return [...folders]
    .map((folder) => ({ folder, ...manifestOf(folder) }))
    .sort((a, b) => (a.name < b.name ? -1 : 1))
}

const manifestOf = (folder) => JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'))

/** The text of dist/THIRD-PARTY-NOTICES.txt. Every copy of the code must include the licences. */
export function notices(packages) {
  // Packages with the same text are listed together.
  const titles = new Map()
  for (const { folder, name, version } of packages) {
    const text = licence(folder, name)
    titles.set(text, [...(titles.get(text) ?? []), `${name} ${version}`])
  }
  const sections = [...titles].map(([text, names]) => `${names.join('\n')}\n\n${text}\n`)
  return `wfstore contains code of these packages.\n\n${sections.map((section) => `${'-'.repeat(80)}\n${section}`).join('\n')}`
}

function licence(folder, name) {
  const file = readdirSync(folder).find((entry) => /^licen[cs]e/i.test(entry))
  if (file) return readFileSync(join(folder, file), 'utf8').replaceAll('\r\n', '\n').trim()
  // Some packages have it only in their README.
  const readme = readFileSync(join(folder, 'README.md'), 'utf8')
  const [, text] =
    /^#+ *licen[cs]e[^\n]*\n+([\s\S]*permission is hereby granted[\s\S]*)/im.exec(readme) ?? []
  if (!text) throw new Error(`the licence of ${name} was not found`)
  return text.trim()
}

/** The text of dist/sbom.cdx.json, an SBOM in CycloneDX. It has no timestamp, so that a build can be repeated. */
export function sbom(root, packages) {
  const document = {
    $schema: 'http://cyclonedx.org/schema/bom-1.6.schema.json',
    bomFormat: 'CycloneDX',
    specVersion: '1.6',
    version: 1,
    metadata: { component: { type: 'application', ...component(manifestOf(root)) } },
    components: packages.map((each) => ({ type: 'library', ...component(each) })),
  }
  return `${JSON.stringify(document, null, 2)}\n`
}

function component({ name, version, license }) {
  const [, scope, rest] = /^(?:(@[^/]+)\/)?(.*)/.exec(name)
  const purl = `pkg:npm/${scope ? `${encodeURIComponent(scope)}/` : ''}${rest}@${version}`
  return {
    'bom-ref': purl,
    ...(scope && { group: scope }),
    ...{ name: rest, version, licenses: [{ license: { id: license } }], purl },
  }
}
