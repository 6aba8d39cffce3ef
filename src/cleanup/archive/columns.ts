import type pg from 'pg'
import type { ArchiveColumn, Cleaned } from '../types.ts'

export async function readArchiveColumns(
  _client: pg.ClientBase,
): Promise<Record<Cleaned, ArchiveColumn[]>> {
  return { execution: [], step: [], audit: [], metric: [] }
}
