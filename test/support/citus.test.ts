import { expect, it } from 'vitest'
import { textsFor } from './citus.ts'

const TELL = "set local citus.propagate_set_commands = 'local'"

it.each([
  ['update a; update b', ['update a; update b']],
  ['alter table a add b int; update b', ['alter table a add b int', 'update b']],
  [
    `begin; set local wfstore.keeps_totals = 'on'; update a; commit`,
    ['begin; ', TELL, `set local wfstore.keeps_totals = 'on'`, ' update a; commit'],
  ],
  [
    `set session_replication_role = replica; update a; reset session_replication_role`,
    ['begin', TELL, 'set local session_replication_role = replica', ' update a; ', 'commit'],
  ],
  ['set session_replication_role = origin', ['commit']],
])(
  'a setting and a change of a table are sent alone, a setting in a transaction: %s',
  (text, texts) => expect(textsFor(text)).toEqual(texts),
)
