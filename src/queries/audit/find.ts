import * as d from '../../db/query/decode.ts'
import type { Run } from '../../db/query/query.ts'
import { raw, sql } from '../../db/query/sql.ts'
import { findIds, missing } from '../ids.ts'
import { type AuditEntry, auditShape } from './audit.ts'

/**
 * One audit entry.
 * @param id the whole id, or at least its first 8 characters as lists show them
 * @throws WfstoreError usage if it is not an id or matches several entries, not_found
 */
export async function findAuditEntry(run: Run, id: string): Promise<AuditEntry> {
  const [logId] = await findIds(run, 'audit entry', [id])
  const [entry] = await run(
    sql`select ${raw(d.selectList(auditShape, 'a'))} from audit_logs a where a.log_id = ${logId}::uuid`,
    auditShape,
  )
  if (entry) return entry
  throw missing('audit entry', id)
}
