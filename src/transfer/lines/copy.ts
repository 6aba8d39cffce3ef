import type pg from 'pg'
import { from, to } from 'pg-copy-streams'
import { KEEPS_TOTALS } from '../../db/totals.ts'

/**
 * pg refuses the streams of COPY on a connection with `pipeline`. The option can be switched off while no statement runs.
 */
export function unpipelined(client: pg.ClientBase): { restore: () => void } {
  const switched = client as pg.ClientBase & { pipeline?: boolean }
  const { pipeline = false } = switched
  switched.pipeline = false
  return {
    restore: () => {
      switched.pipeline = pipeline
    },
  }
}

/** As pg_dump does: limits for short statements must not end a job that runs for hours or waits for a slow reader. */
export const UNHURRIED = `set local statement_timeout = 0; set local lock_timeout = 0;
  set local idle_in_transaction_session_timeout = 0`

/** The settings that the servers of shards need for rows as they are. Each is a statement of its own: its whole text is sent to them. */
export const ON_NODES = [
  "set local citus.propagate_set_commands = 'local'",
  ...`${UNHURRIED}; ${KEEPS_TOTALS}`.split(';'),
]

/** What COPY TO STDOUT sends. If it is not read to its end, the connection cannot be used again. */
export async function* copyOut(client: pg.ClientBase, text: string): AsyncGenerator<Buffer> {
  const stream = client.query(to(text))
  // Without a listener, an error after the reader has left would end the process.
  stream.on('error', () => {})
  yield* stream
}

/** Sends rows to COPY FROM STDIN; resolves when the server has all of them. @returns how many it wrote */
export async function copyIn(client: pg.ClientBase, text: string, rows: Buffer): Promise<number> {
  const stream = client.query(from(text))
  await new Promise<void>((resolve, reject) => {
    stream.on('finish', resolve).on('error', reject)
    stream.end(rows)
  })
  return stream.rowCount
}
