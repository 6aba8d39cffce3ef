import type pg from 'pg'
import { atRuns } from '../db/distributed/at.ts'
import type { Run } from '../db/query/query.ts'
import type { Replica } from '../db/replica/replica.ts'
import type { Access } from './access.ts'
import type { Store } from './types.ts'

interface ReportsOptions {
  replica: Replica
  /** How a statement is read on a connection of the replica. */
  readOn: (client: pg.ClientBase) => Run
  notice?: ((line: string) => void) | undefined
}

/** Reads on a replica; on the primary if that is not possible. */
export function reportsAccess(
  primary: Access,
  { replica, readOn, notice = () => {} }: ReportsOptions,
): Access {
  return {
    ...primary,
    // A session of the replica is checked when it is opened.
    check: async () => 'single',
    read: async (statement, shape) => {
      const found = await replica.run(({ client }, { note, layout }) => {
        notice(note)
        const run = readOn(client)
        return (layout === 'single' ? run : atRuns(run))(statement, shape)
      })
      if ('value' in found) return found.value
      notice(found.note)
      return primary.read(statement, shape)
    },
    onOneConnection: async function* (rows) {
      const { session, from } = await replica.open()
      notice(from.note)
      if (session) {
        let [begun, whole] = [false, false]
        try {
          for await (const row of rows(session.client)) {
            begun = true
            yield row
          }
          whole = true
          return
        } catch (error) {
          const note = replica.failed(error)
          if (begun || note === undefined) throw error
          notice(note)
        } finally {
          session.release(!whole)
        }
      }
      await primary.check()
      yield* primary.onOneConnection(rows)
    },
  }
}

const pick = <T extends object, K extends keyof T>(from: T, ...names: readonly K[]): Pick<T, K> =>
  Object.fromEntries(names.map((name) => [name, from[name]])) as Pick<T, K>

/**
 * The functions of a store that read from its replica: reports and lists. What finds one thing by its id does not, because an
 * application asks for what it has just written; nor the steps of a run, nor what follows or sets.
 */
export const withReports = (store: Store, on: Store): Store => ({
  ...store,
  ...pick(on, 'getStats', 'tools', 'cost', 'stats', 'export'),
  executions: { ...store.executions, ...pick(on.executions, 'list', 'running') },
  audit: { ...store.audit, ...pick(on.audit, 'list') },
  errors: on.errors,
  metrics: { ...store.metrics, ...pick(on.metrics, 'list', 'current') },
  billing: {
    ...store.billing,
    ...pick(on.billing, 'list', 'lines', 'periods', 'summary', 'reconcile', 'differences', 'focus'),
  },
  prices: { ...store.prices, ...pick(on.prices, 'list', 'check', 'simulate') },
  traces: { ...store.traces, ...pick(on.traces, 'check') },
  cleanups: { ...store.cleanups, ...pick(on.cleanups, 'list') },
})
