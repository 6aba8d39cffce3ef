import { spawnSync } from 'node:child_process'
import { mkdirSync, readdirSync, utimesSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { expect, it } from 'vitest'
import { openSpool, type Spool } from '../../../src/record/spool/queue.ts'
import { dataFolder } from '../../support/folder.ts'

const queue = pathToFileURL(join(import.meta.dirname, '../../../dist/record/spool/queue.js')).href

/** Kills itself before a call of the file system with this number. Prints the lines that it has written and dropped. */
const program = (file: string, killedAt: number) => `
  import fs from 'node:fs'
  import { syncBuiltinESMExports } from 'node:module'
  const print = fs.writeSync.bind(fs, 1)
  let calls = 0
  for (const name of ['openSync', 'writeSync', 'fsyncSync', 'ftruncateSync', 'linkSync', 'renameSync', 'rmSync']) {
    const real = fs[name]
    fs[name] = (...args) => {
      if (++calls === ${killedAt}) process.kill(process.pid, 'SIGKILL')
      return real(...args)
    }
  }
  syncBuiltinESMExports()
  const { openSpool } = await import(${JSON.stringify(queue)})
  const spool = openSpool(${JSON.stringify(file)}, 10000)
  const append = (line) => {
    if (spool.append(line)) print('written ' + line + '\\n')
  }
  const drop = () => {
    print('dropped ' + spool.peek() + '\\n')
    spool.drop()
  }
  spool.takeOver()
  append('1')
  append('2')
  drop()
  drop()
  append('3')
  spool.compact([])
  drop()
  drop()
  append('4')
  // As if another process had taken its file over, and had replayed it.
  print('dropped 4\\n')
  for (const name of fs.readdirSync(${JSON.stringify(dirname(file))}))
    fs.unlinkSync(${JSON.stringify(dirname(file))} + '/' + name)
  append('5')
  spool.close()
  print('closed\\n')`

function linesOf(spool: Spool): string[] {
  const lines: string[] = []
  for (let line = spool.peek(); line !== null; line = spool.peek()) {
    lines.push(line)
    spool.drop()
  }
  return lines
}

it('a process that is killed at any call of the file system loses no line that it has acknowledged', {
  tags: 'slow',
}, () => {
  const folder = dataFolder('kills')
  let survived = false
  for (let killedAt = 1; !survived; killedAt++) {
    const file = join(folder, String(killedAt), 'spool')
    mkdirSync(dirname(file))
    // What an earlier process has left.
    const earlier = openSpool(file, 10_000)
    earlier.append('0')
    earlier.close()
    const args = ['--input-type=module', '-e', program(file, killedAt)]
    const { stdout, stderr } = spawnSync(process.execPath, args, { encoding: 'utf8' })
    expect(stderr).toBe('')
    survived = stdout.includes('closed')
    const said = stdout.split('\n')
    const named = (word: string) =>
      said.filter((line) => line.startsWith(word)).map((line) => line.slice(word.length + 1))
    const dropped = new Set(named('dropped'))
    const owed = ['0', ...named('written')].filter((line) => !dropped.has(line))
    const next = openSpool(file, 10_000)
    expect(next.takeOver()).toEqual([])
    const found = linesOf(next)
    expect(found, `killed at ${killedAt}`).toEqual(expect.arrayContaining(owed))
    expect(found.filter((line) => !/^[0-5]$/.test(line))).toEqual([])
    // Locks and temporary files of killed processes go too. An empty one goes when it is stale.
    for (const name of readdirSync(dirname(file))) utimesSync(join(dirname(file), name), 0, 0)
    next.takeOver()
    expect(readdirSync(dirname(file))).toEqual([])
    if (survived) expect(found).toEqual(['4', ...owed])
  }
})
