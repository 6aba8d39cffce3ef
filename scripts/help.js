// Prepared texts, which bin/wfstore.js prints without loading the program.
import { mkdirSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { Readable, Writable } from 'node:stream'

/** Fields of a command that completion does not use. */
const UNUSED = ['about', 'default', 'examples', 'exit', 'flags', 'mandatory', 'required', 'usage']

/** Writes dist/help: wfstore.executions.list.txt is `wfstore executions list --help`. */
export async function writeHelp(root) {
  const { main } = createRequire(import.meta.url)(join(root, 'dist/cli/main.cjs'))
  const folder = join(root, 'dist/help')
  mkdirSync(folder)
  const write = (name, text) => writeFileSync(join(folder, name), text)
  const reference = JSON.parse(await outputOf(main, 'help', '--json'))
  const used = (key, value) => (UNUSED.includes(key) ? undefined : value)
  write('commands.json', JSON.stringify(reference, used))
  for (const words of pathsOf(reference))
    write(`${['wfstore', ...words].join('.')}.txt`, await outputOf(main, ...words, '--help'))
  for (const shell of ['bash', 'zsh', 'fish'])
    write(`completion.${shell}`, await outputOf(main, 'completion', shell))
}

/** [], ['executions'], ['executions', 'list'], … */
const pathsOf = ({ command, commands }) => [
  command.split(' ').filter(Boolean),
  ...commands.flatMap(pathsOf),
]

async function outputOf(main, ...argv) {
  let text = ''
  const stdout = new Writable({
    write(chunk, _, done) {
      text += chunk
      done()
    },
  })
  const { signal } = new AbortController()
  const io = { stdin: Readable.from([]), stdout, stderr: process.stderr, cwd: '/', signal }
  // No config of the person who builds changes a page.
  const status = await main(argv, io, { WFSTORE_CONFIG: '/dev/null' })
  if (status !== 0) throw new Error(`wfstore ${argv.join(' ')}: status ${status}`)
  return text
}
