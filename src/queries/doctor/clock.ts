import type { Queryable } from '../../db/query/connection.ts'
import { query } from '../../db/query/query.ts'
import { serverTime } from '../../db/query/server-time.ts'
import { formatDuration } from '../../numbers.ts'
import { type DoctorFinding, finding } from './finding.ts'
import type { Subject } from './subject.ts'

/** Compares the clock of this machine, and of engines on it, with the clock of the server. */
export async function inspectClock(database: Queryable, subject: Subject): Promise<DoctorFinding> {
  const { now, limits } = subject
  const before = now()
  const server = await serverTime((statement, shape) => query(database, statement, shape))
  const after = now()
  // The server read its clock between the two, so a time between them is no difference.
  const nearest = Math.min(Math.max(server.getTime(), before), after)
  const differenceMs = Math.round(nearest - server.getTime())
  const details = { differenceMs }
  const size = formatDuration(Math.abs(differenceMs))
  if (Math.abs(differenceMs) <= limits.clockMs) {
    const text =
      differenceMs === 0
        ? 'this machine and the server have the same time'
        : `the clock of this machine differs by ${size} from that of the server`
    return finding('clock', 'ok', text, { details })
  }
  return finding(
    'clock',
    'warning',
    `the clock of this machine is ${size} ${differenceMs > 0 ? 'ahead of' : 'behind'} that of the server (limit: ${formatDuration(limits.clockMs)}): start and end times that an engine on this machine gives are wrong`,
    { fix: 'synchronise both clocks with a time service, for example chrony', details },
  )
}
