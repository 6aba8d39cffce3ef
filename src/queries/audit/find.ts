import * as d from '../../db/query/decode.ts'
import type { Run } from '../../db/query/query.ts'
import { WfstoreError } from '../../error.ts'
import { rangeOf } from '../executions/executions.ts'
import { type AuditEntry, auditShape } from './audit.ts'

/**
 * One entry of the audit.
 * @param id the whole id, or its first 8 or more characters as lists show them
 * @throws WfstoreError usage (no id, or the start of several), not_found
 */
export async function findAuditEntry(run: Run, id: string): Promise<AuditEntry> {
  const [first, last] = rangeOf('audit entry', id)
  const found = await run(
    `select ${d.selectList(auditShape, 'a')} from audit_logs a
     where a.log_id between $1::uuid and $2::uuid order by a.log_id limit 3`,
    [first, last],
    auditShape,
  )
  const [entry] = found
  if (!entry) {
    throw new WfstoreError('not_found', `there is no audit entry ${id}`, {
      hint: 'it may have been cleaned up',
    })
  }
  if (found.length > 1) {
    const candidates = found.map(({ logId }) => logId).join(', ')
    throw new WfstoreError('usage', `${id} is the start of several audit entries`, {
      hint: `give more of it: ${candidates}`,
    })
  }
  return entry
}
