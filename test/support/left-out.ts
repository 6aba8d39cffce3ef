import { relative } from 'node:path'
import { beforeEach } from 'vitest'
import leftOut from './left-out.json' with { type: 'json' }

/** A test that does not apply to a distributed store. `npm run test:citus` prints them all. */
interface LeftOut {
  /** A file, or files as `*` and `**` of vitest's --exclude. */
  file: string
  /** The name of one test of it; without, the whole file is left out. */
  test?: string
  reason: string
}

const root = new URL('../..', import.meta.url).pathname

beforeEach(({ task, skip }) => {
  const file = relative(root, task.file.filepath)
  const found = (leftOut as LeftOut[]).find(
    (entry) => entry.file === file && entry.test === task.name,
  )
  if (found) skip(found.reason)
})
