import { Readable, Writable } from 'node:stream'
import { type Command, CommanderError } from 'commander'
import { createContext } from '../../src/cli/context.ts'
import { createProgram } from '../../src/cli/program.ts'
import { NOW } from './cli.ts'

/** The arguments of every wfstore command in the code of a page. A command that prose only names ends with NAMED. */
export function commandLines(text: string): string[][] {
  const found: string[][] = []
  const prose = text.replace(
    /^ *```(\w*)\n([\s\S]*?)^ *```/gm,
    (_, language: string, code: string) => {
      const lines = code
        .replaceAll('\\\n', '')
        .split('\n')
        .map((line) => line.trim())
      if (['', 'sh'].includes(language)) for (const line of lines) found.push(...inLine(line))
      if (language === 'console')
        for (const line of lines) if (line.startsWith('$ ')) found.push(...inLine(line.slice(2)))
      return ''
    },
  )
  for (const [, line] of prose.matchAll(/^ {4}(.+)$/gm)) found.push(...inLine(line as string))
  for (const [, code] of prose.matchAll(/`([^`\n]+)`/g))
    found.push(...inLine(code as string).map((words) => [...words, NAMED]))
  return found
}

const NAMED = '(named)'
const CRON = /^\S+( [\d*/,-]+){4} (?:wfstore (?=wfstore ))?/

/** The wfstore commands of a line for a shell or cron. Text after a wide gap is a description. */
function inLine(line: string): string[][] {
  const text = line
    .replace(CRON, '')
    .replaceAll(/\$\((?!wfstore)[^)]*\)/g, '2026-11-01')
    .replace(/(?<=\S) {4}.*/, '')
  return [...text.matchAll(/(?:^|[|;&(] *|npx |ExecStart=\/usr\/bin\/)wfstore (.*)/g)].map(
    (match) => wordsOf(match[1] as string),
  )
}

function wordsOf(line: string): string[] {
  const words: string[] = []
  for (const [word] of line.matchAll(/(?:"[^"]*"|'[^']*'|[^\s"'|;&)<>#])+|[|;&)<>#]/g)) {
    if (/^[|;&)<>#]$/.test(word)) break
    words.push(word.replaceAll(/["']/g, ''))
  }
  return words
}

class Understood extends Error {}

/** The error message of the program, without running the command; undefined if it is valid. */
export async function mistakeIn(line: readonly string[]): Promise<string | undefined> {
  const named = line.at(-1) === NAMED
  const program = programAlone()
  program.hook('preAction', () => {
    throw new Understood()
  })
  try {
    await program.parseAsync(named ? line.slice(0, -1) : [...line], { from: 'user' })
  } catch (error) {
    if (error instanceof Understood) return undefined
    const code = error instanceof CommanderError ? error.code : ''
    if (code === 'commander.helpDisplayed' || code === 'commander.version') return undefined
    if (named && NAMES.includes(code)) return undefined
    return (error as Error).message
  }
  return 'does nothing'
}

/** A group alone or a command without its required arguments is valid as a name. */
const NAMES = [
  'commander.help',
  'commander.optionMissingArgument',
  'commander.missingArgument',
  'commander.missingMandatoryOptionValue',
]

/** The program with its commands, which are not loaded yet. */
export function programAlone(): Command {
  const nowhere = () => new Writable({ write: (_chunk, _encoding, done) => done() })
  const io = {
    stdin: Readable.from([]),
    stdout: nowhere(),
    stderr: nowhere(),
    now: () => new Date(NOW),
    sleep: () => Promise.reject(new Error('nothing should sleep here')),
    cwd: '/nonexistent',
    timeZone: 'UTC',
    signal: new AbortController().signal,
  }
  const none = { traits: { path: '', ownDatabase: false }, origins: {}, urls: [], ignored: [] }
  return createProgram(
    createContext(io, {}, () => none),
    '0',
  )
}
