import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { blocksOf, commandsIn } from '../support/doc-blocks.ts'

const page = readFileSync(join(import.meta.dirname, '../../docs/OPENTELEMETRY.md'), 'utf8')

export interface Section {
  title: string
  /** The files that it shows, by name: their first line is a comment with it. */
  files: Map<string, string>
  /** The lines of its shell blocks. */
  commands: string[]
}

const blocksIn = (text: string, language: string) =>
  blocksOf(text).filter((block) => block.language === language)
const commandsOf = (text: string) => blocksIn(text, 'sh').flatMap(({ lines }) => commandsIn(lines))

/** The commands before the first section of an SDK. */
export const begin: string[] = commandsOf(page.split(/^### /m)[0] ?? '')

/** The sections of the page with a third-level heading. */
export const sections: Section[] = page
  .split(/^(?=#{2,3} )/m)
  .filter((text) => text.startsWith('### '))
  .map((text) => ({
    title: text.slice(4, text.indexOf('\n')),
    files: new Map(
      [...blocksIn(text, 'mjs'), ...blocksIn(text, 'yaml')].map(
        ({ lines: [first = '', ...rest] }) => [first.replace(/^(\/\/|#) /, ''), rest.join('\n')],
      ),
    ),
    commands: commandsOf(text),
  }))

export function sectionOf(title: string): Section {
  const section = sections.find((one) => one.title === title)
  if (!section) throw new Error(`docs/OPENTELEMETRY.md has no section ${title}`)
  return section
}
