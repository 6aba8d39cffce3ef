import type { ArchiveColumn, Cleaned } from '../types.ts'

export function archiveLine(kind: Cleaned, alias: string, _columns: ArchiveColumn[]): string {
  return `(select concat('{"${kind}":', row_to_json(${alias}), '}'))`
}
