import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { migrateUp } from '../src/db/migrate/up.ts'
import { fillDemo } from '../src/demo/fill.ts'
import { NOW, runCli } from './support/cli.ts'
import { collectorLines } from './support/collector.ts'
import { createFilled, loadLegacy, type TestDatabase } from './support/database.ts'
import {
  type Block,
  blocksOf,
  commandsIn,
  matches,
  shownIn,
  withLines,
} from './support/doc-blocks.ts'
import { migrateOptions } from './support/migrated.ts'

/**
 * Lines that this test does not start: other programs (test/sdks starts those of docs/OPENTELEMETRY.md), and what changes more
 * than the database of the page (roles belong to the server; the examples of the help pages test them), or needs a cluster.
 */
const NOT_RUN =
  /^(?:(?:curl|export|npm|npx wfstore demo|pg_dump|pg_restore|createdb|psql|aws|zstd|node|otelcol-contrib)\b|wfstore (?:migrate (?:roles|distribute)|serve|open)\b)/

/** Columns of the terminal that the pages show. */
const WIDTH = 100

const root = join(import.meta.dirname, '..')
/** COMMANDS.md is made of the help pages, whose examples have a test of their own. */
const pages = [
  'README.md',
  ...readdirSync(join(root, 'docs')).map((name) => `docs/${name}`),
].filter((path) => path.endsWith('.md') && path !== 'docs/COMMANDS.md')

it.each(pages)(
  '%s: each command works on the sample data, and prints what the page shows',
  async (path) => {
    const page = readFileSync(join(root, path), 'utf8')
    const blocks = blocksOf(page)
    const database = await databaseFor(path)
    const folder = mkdtempSync(join(tmpdir(), 'wfstore-docs-'))
    for (const { language, lines } of blocks) {
      if (language === 'json' && path.endsWith('CONFIG.md'))
        writeFileSync(join(folder, 'wfstore.config.json'), namesOf(lines.join('\n'), database.url))
    }
    writeFileSync(join(folder, 'traces.jsonl'), collectorLines('ai7-sub'))
    const failed: string[] = []
    const renewed: { block: Block; lines: string[] }[] = []
    for (const block of blocks) {
      if (block.language === 'sh') {
        for (const line of commandsIn(block.lines)) {
          if (NOT_RUN.test(line)) continue
          const { code, output } = await runLine(line, database.url, folder)
          if (code !== 0) failed.push(`${line}: exit code ${code}: ${output.trimEnd()}`)
        }
      } else if (block.language === 'console') {
        const lines: string[] = []
        for (const { command, output } of shownIn(block.lines)) {
          const actual = NOT_RUN.test(command)
            ? output
            : (await runLine(command, database.url, folder)).output.trimEnd().split('\n')
          lines.push(`$ ${command}`, ...(matches(output, actual) ? output : actual))
        }
        renewed.push({ block, lines })
      }
    }
    await database.drop()
    rmSync(folder, { recursive: true })
    expect(failed).toEqual([])
    // From the end, so that the place of a block does not change before its turn.
    const actual = renewed
      .reverse()
      .reduce((text, { block, lines }) => withLines(text, block, lines), page)
    if (process.env.UPDATE_GOLDEN === '1') writeFileSync(join(root, path), actual)
    else expect(actual, `${path} (UPDATE_GOLDEN=1 accepts a change)`).toBe(page)
  },
)

/** The page about the old application begins with its database, the others with the sample data. */
function databaseFor(path: string): Promise<TestDatabase> {
  if (path.includes('OLD-APPLICATION')) return createFilled('docs', 'legacy', loadLegacy)
  return createFilled('docs', 'demo', async (database) => {
    const client = await database.connect()
    await migrateUp(client, migrateOptions)
    await fillDemo(client, new Date(NOW))
    await client.end()
  })
}

/** Runs a line of wfstore; `> file` writes its stdout. A command that follows is stopped by Ctrl-C. */
async function runLine(
  line: string,
  databaseUrl: string,
  cwd: string,
): Promise<{ code: number; output: string }> {
  const [command = '', file] = line.split(/ > (?=\S+$)/)
  const [program, ...argv] = wordsOf(command.replace(/ \| .*/, ''))
  if (program !== 'wfstore') return { code: 127, output: `${program} is not in NOT_RUN` }
  const endless = argv.some((word) => /^--(watch|follow|listen)$/.test(word))
  let output = ''
  const { code, stdout } = await runCli(
    argv.map((word) => namesOf(word, databaseUrl).replace(/^\/(?:var|mnt)(?=\/)/, cwd)),
    {
      cwd,
      env: { DATABASE_URL: databaseUrl, STAGING_URL: databaseUrl, NO_COLOR: '1' },
      timeZone: 'UTC',
      show: (text) => {
        output += text
      },
      ...(file === undefined && !line.includes(' | ') ? { terminal: WIDTH } : {}),
      ...(endless ? { signal: AbortSignal.abort('SIGINT') } : {}),
    },
  )
  if (file !== undefined) writeFileSync(join(cwd, file), stdout)
  if (endless) return { code: code === 130 ? 0 : code, output: '' }
  return { code, output: file === undefined ? output : output.slice(stdout.length) }
}

/** The text with the database of this test in place of each that it names. */
const namesOf = (text: string, url: string) => text.replaceAll(/postgresql:[^" ]+/g, url)

const wordsOf = (line: string): string[] =>
  [...line.matchAll(/(?:"[^"]*"|'[^']*'|\S)+/g)].map(([word]) =>
    word.replaceAll(/"([^"]*)"|'([^']*)'/g, '$1$2'),
  )
