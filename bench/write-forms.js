// The other side of writes: many rows in one statement, in three forms.
import { randomBytes } from 'node:crypto'

export const MAX_ROWS = 500
/** The number of concurrent statements of a batch. */
export const FLIGHTS = 2

/** UUIDv7 like those of the store: new rows go to the end of the index. */
export function newId() {
  const hex = Date.now().toString(16).padStart(12, '0') + randomBytes(10).toString('hex')
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-7${hex.slice(13, 16)}-8${hex.slice(17, 20)}-${hex.slice(20, 32)}`
}

// Each form takes rows as arrays in the order of the columns, with jsonb values as objects.

const textOf = (value) => (value === null ? null : JSON.stringify(value))
export const names = (columns) => columns.map(([name]) => `"${name}"`).join(', ')
export const record = (columns) => columns.map(([name, type]) => `"${name}" ${type}`).join(', ')

export const FORMS = {
  values: ({ table, columns }) => {
    const row = (n) => `(${columns.map((_, i) => `$${n * columns.length + i + 1}`).join(', ')})`
    return (rows) => ({
      text: `insert into ${table} (${names(columns)}) values ${rows.map((_, n) => row(n)).join(', ')}`,
      values: rows.flatMap((values) =>
        columns.map(([, type], i) => (type === 'jsonb' ? textOf(values[i]) : values[i])),
      ),
    })
  },
  unnest: ({ table, columns }) => {
    const arrays = columns.map(([, type], i) => `$${i + 1}::${type}[]`).join(', ')
    const text = `insert into ${table} (${names(columns)}) select * from unnest(${arrays})`
    return (rows) => ({
      text,
      values: columns.map(([, type], i) =>
        rows.map((values) => (type === 'jsonb' ? textOf(values[i]) : values[i])),
      ),
    })
  },
  json: ({ table, columns }) => {
    const text = `insert into ${table} (${names(columns)}) select ${names(columns)} from json_to_recordset($1::json) as g (${record(columns)})`
    return (rows) => ({ text, values: [jsonOf(columns, rows)] })
  },
}

export const jsonOf = (columns, rows) =>
  JSON.stringify(
    rows.map((values) => Object.fromEntries(columns.map(([name], i) => [name, values[i]]))),
  )

/** Sends chunks of things over FLIGHTS connections, each chunk as one statement. */
export async function sendAll(pool, things, valuesOf, statement) {
  let next = 0
  await together(FLIGHTS, async () => {
    while (next < things.length) {
      const chunk = things.slice(next, next + MAX_ROWS)
      next += MAX_ROWS
      await pool.query(statement(chunk.map(valuesOf)))
    }
  })
}

export const together = (count, work) =>
  Promise.all(Array.from({ length: count }, (_, n) => work(n)))

/** The fastest form for these rows: the best of up to three attempts for each. */
export async function fastest(bench, target, ready) {
  const times = {}
  for (let tried = 0; tried < Math.min(3, bench.rounds); tried++) {
    for (const [name, form] of Object.entries(FORMS)) {
      const { pool, things, valuesOf } = await ready()
      const statement = form(target)
      const start = performance.now()
      await sendAll(pool, things, valuesOf, statement)
      times[name] = Math.min(times[name] ?? Number.POSITIVE_INFINITY, performance.now() - start)
    }
  }
  const order = Object.entries(times).sort(([, a], [, b]) => a - b)
  bench.say(
    `${target.table}: ${order.map(([name, ms]) => `${name} ${ms.toFixed(0)} ms`).join(', ')}`,
  )
  return order[0][0]
}
