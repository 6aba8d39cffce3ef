import type pg from 'pg'
import { executionIdOf } from '../../../../src/record/otel/store/ids.ts'

/** Requests with the traces of this JSON wait until the transaction of this client ends. */
export async function holdTraces(client: pg.Client, json: string): Promise<void> {
  const ids = [...json.matchAll(/"traceId": ?"(\w{32})"/g)].map(([, id = '']) => executionIdOf(id))
  await client.query('begin')
  await client.query(
    `insert into wfstore_traces (trace_id, first_arrival, last_arrival) select id, now(), now() from unnest($1::uuid[]) as id
     on conflict (trace_id) do update set last_arrival = excluded.last_arrival`,
    [[...new Set(ids)]],
  )
}
