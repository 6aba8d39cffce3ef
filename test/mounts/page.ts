// The applications of docs/SERVE.md: the files that the page shows, in a folder, with the login that it stands for.
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { blocksOf } from '../support/doc-blocks.ts'

const page = readFileSync(join(import.meta.dirname, '../../docs/SERVE.md'), 'utf8')

/** The files that the page shows, by name: their first line is a comment with it. */
export const shownFiles: ReadonlyMap<string, string> = new Map(
  blocksOf(page)
    .filter(({ lines: [first = ''] }) => /^\/\/ \S+\.(mjs|ts)$/.test(first))
    .map(({ lines: [first = '', ...rest] }) => [first.slice(3), `${rest.join('\n')}\n`]),
)

/** The session is in a cookie. */
const SESSION = `export const sessionOf = async (request) =>
  /\\bsession=maria\\b/.test(request.headers.get('cookie') ?? '')
    ? { email: 'maria@example.com', isStaff: true }
    : undefined
`
export const COOKIE = { cookie: 'session=maria' }

/** Writes the file of the page, and those that it needs. */
export function writeApplication(folder: string, ...names: string[]): void {
  const files = new Map([...shownFiles, ['session.mjs', SESSION]])
  for (const name of [...names, 'wfstore.mjs', 'session.mjs']) {
    const text = files.get(name)
    if (text === undefined) throw new Error(`docs/SERVE.md shows no file ${name}`)
    mkdirSync(dirname(join(folder, name)), { recursive: true })
    writeFileSync(join(folder, name), text)
  }
}
