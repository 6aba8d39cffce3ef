import type pg from 'pg'
import { copyIn } from '../export/copy.ts'
import { AS_LINES } from '../export/lines.ts'
import type { Checked } from './check.ts'
import { inHalves } from './halves.ts'
import type { InvalidLines } from './report.ts'

/** Where lines wait until all of them have come; it goes with the transaction. `run` is what a line belongs to. */
export const STAGE = 'pg_temp.wfstore_import'

const CREATE = `
  create temporary table wfstore_import (line bigint not null, kind text not null, id uuid not null, run uuid, body jsonb not null)
    on commit drop;
  alter table ${STAGE} alter body set storage external`

const COPY = `copy ${STAGE} (line, kind, id, run, body) from stdin ${AS_LINES}`

const CHUNK = 1024 * 1024

export interface Stage {
  add: (line: number, checked: Checked) => Promise<void>
  /** Resolves when the server has all that was added. @returns how many rows it took */
  finish: () => Promise<number>
  /** Resolves when the connection is free, however what was sent has ended. */
  settle: () => Promise<void>
}

/**
 * Sends lines by COPY, a chunk at a time. While the server reads one, the next is prepared. A line that it refuses, for
 * a reason that only PostgreSQL knows, becomes invalid.
 */
export async function openStage(
  client: pg.ClientBase,
  invalid: InvalidLines,
  enough: () => boolean,
): Promise<Stage> {
  await client.query(CREATE)
  let rows: string[] = []
  let numbers: number[] = []
  let size = 0
  let staged = 0
  let sending: Promise<number> = Promise.resolve(0)
  const flush = async () => {
    const [lines, places] = [rows, numbers]
    rows = []
    numbers = []
    size = 0
    staged += await sending
    if (lines.length === 0) return
    sending = inHalves(client, 0, lines.length - 1, {
      try: async (first, last) => {
        await copyIn(client, COPY, Buffer.from(lines.slice(first, last + 1).join('')))
        return last - first + 1
      },
      refuse: (at, reason) => invalid.add([{ line: places[at] as number, reason }]),
      enough,
    })
    // Reported by whoever awaits it next.
    sending.catch(() => {})
  }
  return {
    settle: async () => {
      await sending.catch(() => {})
    },
    add: async (line, { kind, id, run = '', json }) => {
      rows.push(`${line}\x02${kind}\x02${id}\x02${run}\x02${json}\n`)
      numbers.push(line)
      size += json.length
      if (size >= CHUNK) await flush()
    },
    finish: async () => {
      await flush()
      staged += await sending
      sending = Promise.resolve(0)
      // Of the bodies no plan asks anything, and to sort a sample of them takes longer than all else of it.
      await client.query(
        `create index on ${STAGE} (kind, line); analyze ${STAGE} (line, kind, id, run)`,
      )
      return staged
    },
  }
}
