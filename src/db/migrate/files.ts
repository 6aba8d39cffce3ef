import { createHash } from 'node:crypto'
import { existsSync, readFileSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

/** A file of migrations/: SQL after `-- Up Migration` and, if it can be reverted, after `-- Down Migration`. */
export interface MigrationFile {
  /** '001_tables': the file name without .sql, as in the history table. */
  name: string
  /** False if the file begins with `-- No Transaction`: concurrent index builds cannot be part of one. */
  transaction: boolean
  up: string
  /** The section `-- Distributed Migration`: what runs instead of `up` in a distributed store, if that needs other statements. */
  distributed: string | undefined
  down: string | undefined
}

let found: string | undefined

/** The folder migrations/ of this package. Found from the sources and from the build. */
export function migrationsDir(): string {
  found ??= join(packageRoot(dirname(fileURLToPath(import.meta.url))), 'migrations')
  return found
}

function packageRoot(folder: string): string {
  const manifest = join(folder, 'package.json')
  if (existsSync(manifest)) {
    const { name } = JSON.parse(readFileSync(manifest, 'utf8')) as { name?: string }
    if (name === 'wfstore') return folder
  }
  const parent = dirname(folder)
  if (parent === folder) throw new Error('the package folder of wfstore is not above its own code')
  return packageRoot(parent)
}

export async function readMigration(name: string): Promise<MigrationFile> {
  return parseMigration(name, await readFile(join(migrationsDir(), `${name}.sql`), 'utf8'))
}

export function parseMigration(name: string, content: string): MigrationFile {
  const [head = '', rest = ''] = content.split(/^-- Up Migration$/m)
  const [forward = '', down] = rest.split(/^-- Down Migration$/m)
  const [up = '', distributed] = forward.split(/^-- Distributed Migration$/m)
  return { name, transaction: !/^-- No Transaction$/m.test(head), up, distributed, down }
}

/** SHA-256 of the statements of a migration. Comments between them and line ends do not count. */
export function checksumOf({ up }: Pick<MigrationFile, 'up'>): string {
  const statements = splitStatements(up.replaceAll('\r\n', '\n')).join(';\n')
  return createHash('sha256').update(statements).digest('hex')
}

/** One token of SQL in which a semicolon does not end the statement, such as the body of a function, or a comment. */
const OPAQUE =
  /--[^\n]*|\/\*[\s\S]*?\*\/|'(?:[^']|'')*'|"(?:[^"]|"")*"|\$([A-Za-z_]\w*)?\$[\s\S]*?\$\1\$|begin atomic\s[\s\S]*?;\s*end\b/gy

/** The statements of a script, each without the comments before it and without its semicolon. */
export function splitStatements(script: string): string[] {
  const statements: string[] = []
  let statement = ''
  for (let at = 0; at < script.length; ) {
    OPAQUE.lastIndex = at
    const token = OPAQUE.exec(script)?.[0] ?? (script[at] as string)
    at += token.length
    if (token === ';') {
      statements.push(statement.trim())
      statement = ''
    } else if (statement !== '' || !/^(--|\/\*|\s)/.test(token)) {
      statement += token
    }
  }
  return [...statements, statement.trim()].filter((text) => text !== '')
}

/** An object that a migration creates, with its statement. */
export interface Creation {
  statement: string
  kind: 'table' | 'view' | 'sequence' | 'function' | 'trigger' | 'index'
  name: string
  /** The table of an index. */
  table: string | undefined
}

export function creationsOf(script: string): Creation[] {
  const pattern =
    /^create\s+(?:unique\s+)?(table|view|sequence|function|trigger|index)\s+(?:concurrently\s+)?(\w+)(?:\s+on\s+(\w+))?/i
  return splitStatements(script).flatMap((statement) => {
    const [, kind, name, table] = pattern.exec(statement) ?? []
    return kind && name
      ? [{ statement, kind: kind.toLowerCase() as Creation['kind'], name, table }]
      : []
  })
}
