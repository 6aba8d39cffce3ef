import * as d from '../../db/query/decode.ts'
import type { Run } from '../../db/query/query.ts'
import { raw, sql } from '../../db/query/sql.ts'
import { WfstoreError } from '../../error.ts'
import { rangeOf } from '../executions/executions.ts'
import { type AuditEntry, auditShape } from './audit.ts'

/**
 * One audit entry.
 * @param id the whole id, or at least its first 8 characters as lists show them
 * @throws WfstoreError usage if it is not an id or matches several entries, not_found
 */
export async function findAuditEntry(run: Run, id: string): Promise<AuditEntry> {
  const [first, last] = rangeOf('audit entry', id)
  const found = await run(
    sql`select ${raw(d.selectList(auditShape, 'a'))} from audit_logs a
     where a.log_id between ${first}::uuid and ${last}::uuid order by a.log_id limit 3`,
    auditShape,
  )
  const [entry] = found
  if (!entry) {
    throw new WfstoreError('not_found', `audit entry ${id} does not exist`, {
      hint: 'it may have been removed by a cleanup',
    })
  }
  if (found.length > 1) {
    const candidates = found.map(({ logId }) => logId).join(', ')
    throw new WfstoreError('usage', `${id} matches several audit entries`, {
      hint: `use more characters: ${candidates}`,
    })
  }
  return entry
}
