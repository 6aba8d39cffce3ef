import type pg from 'pg'
import type { Layout } from '../../db/distributed/layout.ts'
import type { Subject } from './subject.ts'

export type State = 'ok' | 'warning' | 'failed'

export interface DoctorFinding {
  /** The name of the check: 'server', 'rights', 'stuck', … */
  check: string
  state: State
  /** One line for people, with numbers and units. */
  finding: string
  /** The command, SQL or setting that fixes it; null if there is nothing to do. */
  fix: string | null
  /** The same numbers as data. */
  details: string | null
}

export interface Check {
  name: string
  /** Skipped if the database has no wfstore schema. */
  needsTables: boolean
  /** Left out if no replica is set. */
  needsReplica?: boolean
  /** Left out for another layout. */
  layout?: Layout
  /** The check opens its own transactions; the others run inside a read-only one. */
  ownTransactions?: boolean
  inspect: (client: pg.Client, subject: Subject) => Promise<DoctorFinding>
}

interface Rest {
  fix?: string | null | undefined
  details?: object
}

export const finding = (
  check: string,
  state: State,
  text: string,
  { fix = null, details }: Rest = {},
): DoctorFinding => ({
  check,
  state,
  finding: text,
  fix,
  details: details === undefined ? null : JSON.stringify(details),
})
