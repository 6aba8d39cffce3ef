import fc from 'fast-check'
import type pg from 'pg'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { parseTime } from '../../../src/cli/options/time.ts'
import { createMigrated } from '../../support/migrated.ts'

let client: pg.Client
let drop: () => Promise<void>
beforeAll(async () => {
  const database = await createMigrated('time_property')
  drop = () => database.drop()
  client = await database.connect()
})
afterAll(async () => {
  await client.end()
  await drop()
})

/** Zones with clock changes in the south, at midnight, of half an hour, and without any. */
const ZONES = [
  ...['Europe/Berlin', 'America/New_York', 'America/Havana', 'Australia/Lord_Howe'],
  ...['Asia/Beirut', 'Asia/Kolkata', 'UTC'],
]

/**
 * The instants at which the clocks of a zone show this local time: one, none in a gap, two when it comes twice. No clock
 * change is more than three hours.
 */
async function instantsOf(local: string, zone: string): Promise<string[]> {
  const { rows } = await client.query(
    `select to_char(t at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') as at
     from generate_series($1::timestamp at time zone $2 - interval '3 hours',
       $1::timestamp at time zone $2 + interval '3 hours', interval '30 minutes') as t
     where t at time zone $2 = $1::timestamp order by t`,
    [local, zone],
  )
  return rows.map(({ at }) => at)
}

it('a local time is the instant at which PostgreSQL shows it, and refused if there is none or two', async () => {
  const changes = [
    ...['2024-03-10', '2024-03-31', '2024-04-07', '2024-10-06', '2024-10-27', '2024-11-03'],
    ...['2022-03-27', '2022-10-30'],
  ]
  const day = fc.oneof(
    fc.constantFrom(...changes),
    fc
      .integer({ min: 0, max: 3650 })
      .map((days) => new Date(Date.UTC(2020, 0, 1 + days)).toISOString().slice(0, 10)),
  )
  const clock = fc
    .tuple(fc.integer({ min: 0, max: 3 }), fc.constantFrom(0, 15, 30, 45))
    .map((parts) => parts.map((part) => String(part).padStart(2, '0')).join(':'))
  const seen = new Set<number>()
  await fc.assert(
    fc.asyncProperty(day, clock, fc.constantFrom(...ZONES), async (day, clock, zone) => {
      const local = `${day}T${clock}`
      const instants = await instantsOf(local, zone)
      seen.add(instants.length)
      const read = parseTime('--since', local, new Date(), zone).then(({ at }) => at)
      if (instants.length === 1) expect(await read, `${local} ${zone}`).toBe(instants[0])
      else
        await expect(read, `${local} ${zone}`).rejects.toMatchObject({
          message: expect.stringContaining(
            instants.length === 0 ? 'does not exist in' : 'is two times in',
          ),
        })
    }),
    {
      numRuns: 600,
      examples: [
        ['2024-03-31', '02:30', 'Europe/Berlin'],
        ['2024-10-27', '02:30', 'Europe/Berlin'],
      ],
    },
  )
  expect([...seen].sort()).toEqual([0, 1, 2])
})

it('a date is the first instant at which PostgreSQL shows this day', async () => {
  const day = fc
    .integer({ min: 0, max: 3650 })
    .map((days) => new Date(Date.UTC(2020, 0, 1 + days)).toISOString().slice(0, 10))
  await fc.assert(
    fc.asyncProperty(day, fc.constantFrom(...ZONES), async (day, zone) => {
      const { rows } = await client.query(
        `select to_char(min(t) at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') as at
         from generate_series($1::timestamptz - interval '15 hours', $1::timestamptz + interval '15 hours', interval '15 minutes') as t
         where (t at time zone $2)::date = $3::date`,
        [`${day}T00:00:00Z`, zone, day],
      )
      const { at } = await parseTime('--since', day, new Date(), zone)
      expect(at, `${day} ${zone}`).toBe(rows[0].at)
    }),
    { numRuns: 300 },
  )
})
