// The licences of the packages whose code is in the bundle: they ask to be passed on with every copy.
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'

/** The text of dist/THIRD-PARTY-NOTICES.txt. `metafile` is what esbuild says of the bundle. */
export function notices(root, metafile) {
  const folders = new Set()
  for (const { inputs } of Object.values(metafile.outputs)) {
    for (const [file, { bytesInOutput }] of Object.entries(inputs)) {
      const folder = /^.*node_modules\/(?:@[^/]+\/)?[^/]+/.exec(file)?.[0]
      if (folder && bytesInOutput > 0) folders.add(folder)
    }
  }
  const named = [...folders].map((folder) => {
    const manifest = JSON.parse(readFileSync(join(root, folder, 'package.json'), 'utf8'))
    return {
      title: `${manifest.name} ${manifest.version}`,
      text: licence(join(root, folder), manifest.name),
    }
  })
  // Packages of one author often share their licence, word for word.
  const titles = new Map()
  for (const { title, text } of named.sort((a, b) => (a.title < b.title ? -1 : 1))) {
    titles.set(text, [...(titles.get(text) ?? []), title])
  }
  const sections = [...titles].map(([text, names]) => `${names.join('\n')}\n\n${text}\n`)
  return `wfstore contains code of these packages.\n\n${sections.map((section) => `${'-'.repeat(80)}\n${section}`).join('\n')}`
}

function licence(folder, name) {
  const file = readdirSync(folder).find((entry) => /^licen[cs]e/i.test(entry))
  if (file) return readFileSync(join(folder, file), 'utf8').replaceAll('\r\n', '\n').trim()
  // Some say it at the end of their README.
  const readme = readFileSync(join(folder, 'README.md'), 'utf8')
  const said = /^#+ *licen[cs]e[^\n]*\n+([\s\S]*permission is hereby granted[\s\S]*)/im.exec(
    readme,
  )?.[1]
  if (!said) throw new Error(`the licence of ${name} was not found`)
  return said.trim()
}
