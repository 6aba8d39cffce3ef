import { createWriteStream } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import type pg from 'pg'
import { from } from 'pg-copy-streams'
import * as d from '../../db/query/decode.ts'
import { query } from '../../db/query/query.ts'
import { AS_LINES } from '../../transfer/export/lines.ts'
import { keyOf } from '../archive/columns.ts'
import { diskError } from '../archive/disk.ts'
import { countLines } from '../archive/write/blocks.ts'
import { CLEANED, type Cleaned } from '../types.ts'

/** Where the lines of an archive wait until all of them have come; it goes with the transaction. */
export const STAGE = 'pg_temp.wfstore_restore'

const KIND = CLEANED.map((kind) => `when body ? '${kind}' then '${kind}'`).join(' ')

const CREATE = `
  drop table if exists ${STAGE};
  create temporary table wfstore_restore (
    line bigint generated always as identity, body jsonb not null,
    kind text generated always as (case ${KIND} end) stored
  ) on commit drop;
  alter table ${STAGE} alter body set storage external`

/** Sends lines to the server as they come, so that memory does not grow with them. */
export async function stageLines(
  client: pg.ClientBase,
  content: AsyncGenerator<Buffer>,
  progress: (lines: number) => void,
): Promise<void> {
  await client.query(CREATE)
  const counted = async function* () {
    for await (const chunk of content) {
      yield chunk
      progress(countLines(chunk))
    }
  }
  await pipeline(
    Readable.from(counted()),
    client.query(from(`copy ${STAGE} (body) from stdin ${AS_LINES}`)),
  )
  await client.query(`analyze ${STAGE}`)
}

/**
 * Leaves a line for each row of a kind. A batch that was tried again has left its lines twice, and the last is the row as
 * it was deleted.
 * @param lines of this kind
 * @returns how many rows there are
 */
export async function removeRepeated(
  client: pg.ClientBase,
  kind: Cleaned,
  lines: number,
): Promise<number> {
  const key = keyOf(kind)
    .map((column) => `body -> '${kind}' ->> '${column}'`)
    .join(', ')
  const [row] = await query(
    client,
    `select count(*) as rows from (select distinct ${key} from ${STAGE} where kind = $1) as k`,
    [kind],
    { rows: d.count() },
  )
  const rows = row?.rows ?? 0
  if (rows < lines) {
    await query(
      client,
      `delete from ${STAGE} s using (
         select line, row_number() over (partition by ${key} order by line desc) as place from ${STAGE} where kind = $1
       ) as r where r.line = s.line and r.place > 1`,
      [kind],
      {},
    )
  }
  return rows
}

/** Keeps a stream in a file for as long as `work` runs: it is read twice, and nothing is loaded before its end is seen. */
export async function withSpooled<T>(
  stream: Readable,
  work: (path: string) => Promise<T>,
): Promise<T> {
  const folder = await mkdtemp(join(tmpdir(), 'wfstore-restore-'))
  try {
    const path = join(folder, 'archive')
    const file = createWriteStream(path, { flags: 'wx', mode: 0o600 })
    let full: unknown
    file.once('error', (error) => {
      full = error
    })
    await pipeline(stream, file).catch((error) => {
      throw error === full ? diskError(path, error) : error
    })
    return await work(path)
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}
