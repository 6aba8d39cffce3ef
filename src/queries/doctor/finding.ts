import type pg from 'pg'
import type { JsonText } from '../../db/query/decode.ts'
import type { Subject } from './subject.ts'

export type State = 'ok' | 'warning' | 'problem'

export interface Finding {
  /** What was looked at: 'server', 'rights', 'stuck', … */
  check: string
  state: State
  /** One line for a person: what was found, with numbers and units. */
  finding: string
  /** The command, SQL or setting that mends it; null where nothing is to be done. */
  mend: string | null
  /** The numbers behind it. */
  details: JsonText | null
}

export interface Check {
  name: string
  /** Left out where the database has no schema of wfstore. */
  needsTables: boolean
  /** Makes transactions of its own; others run inside a read-only one. */
  ownTransactions?: boolean
  look: (client: pg.Client, subject: Subject) => Promise<Finding>
}

interface Rest {
  mend?: string | null | undefined
  details?: object
}

export const finding = (
  check: string,
  state: State,
  text: string,
  { mend = null, details }: Rest = {},
): Finding => ({
  check,
  state,
  finding: text,
  mend,
  details: details === undefined ? null : (JSON.stringify(details) as JsonText),
})
