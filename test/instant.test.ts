import fc from 'fast-check'
import type pg from 'pg'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { isAfter, parseInstant } from '../src/instant.ts'
import { timeZoneOf } from '../src/time-zone.ts'
import { createMigrated } from './support/migrated.ts'

let client: pg.Client
let drop: () => Promise<void>

beforeAll(async () => {
  const database = await createMigrated('instant')
  drop = () => database.drop()
  client = await database.connect()
})

afterAll(async () => {
  await client.end()
  await drop()
})

/** The instant in UTC, as `parseInstant` returns it. */
const IN_UTC = `to_char(t at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')`

/** As PostgreSQL reads the text; undefined if it refuses it. */
async function asPostgres(text: string): Promise<string | undefined> {
  const { rows } = await client.query(
    `select case when pg_input_is_valid($1, 'timestamptz')
       then (select ${IN_UTC} from (select $1::timestamptz as t) as given) end as at`,
    [text],
  )
  return rows[0].at ?? undefined
}

function asHere(text: string): string {
  const instant = parseInstant(text)
  return typeof instant === 'string' ? instant : instant.at
}

const hasInputCheck = async () =>
  Number((await client.query('show server_version_num')).rows[0].server_version_num) >= 160000

const ZONES = ['UTC', 'Europe/Berlin', 'Asia/Kathmandu', 'America/St_Johns', 'Africa/Monrovia']

it('every time that PostgreSQL prints, in any zone, is read as the same instant or is outside of the years 1 to 9999', async () => {
  const days = fc.oneof(
    fc.integer({ min: -2_440_587, max: 106_751_990 }),
    fc.integer({ min: -50_000, max: 50_000 }),
  )
  const micros = fc.oneof(fc.constant(0), fc.integer({ min: 0, max: 86_399_999_999 }))
  await fc.assert(
    fc.asyncProperty(days, micros, fc.constantFrom(...ZONES), async (day, micro, zone) => {
      await client.query("select set_config('timezone', $1, false)", [zone])
      const { rows } = await client.query(
        `select t::text as text, to_json(t) #>> '{}' as json, isfinite(t) and t >= '0001-01-01Z' and t < '10000-01-01Z' as inside, ${IN_UTC} as at from (
           select (timestamp 'epoch' + make_interval(days => $1) + $2 * interval '1 microsecond') at time zone 'UTC' as t
         ) as made`,
        [day, micro],
      )
      for (const text of [rows[0].text, rows[0].json])
        expect(asHere(text), text).toBe(rows[0].inside ? rows[0].at : 'outside')
    }),
    { numRuns: 300 },
  )
})

it('every text that is read means the same to PostgreSQL', async () => {
  if (!(await hasInputCheck())) return
  const two = (max: number) => fc.integer({ min: 0, max }).map((n) => String(n).padStart(2, '0'))
  const text = fc
    .tuple(
      fc.constantFrom('2024', '2023', '1900', '2000', '0001', '0000', '9999', '12024', '294276'),
      fc.tuple(two(13), two(32)),
      fc.constantFrom('T', ' ', 't', ''),
      fc.tuple(two(25), two(61)),
      fc.oneof(
        fc.constant(''),
        two(61).map((s) => `:${s}`),
      ),
      fc.constantFrom('', '.1', '.123456', '.000001', '.'),
      fc.oneof(
        fc.constantFrom('Z', 'z', ' UTC', '', ' CEST', '[Asia/Tokyo]', ' +02'),
        fc
          .tuple(
            fc.constantFrom('+', '-'),
            two(17),
            fc.constantFrom('', ':30', '30', ':53:28', ':60'),
          )
          .map((p) => p.join('')),
      ),
      fc.constantFrom('', '', '', ' BC', ' AD', 'x'),
    )
    .map(
      ([year, [month, day], t, [hour, minute], second, fraction, zone, end]) =>
        `${year}-${month}-${day}${t}${hour}:${minute}${second}${second && fraction}${zone}${end}`,
    )
  let read = 0
  await fc.assert(
    fc.asyncProperty(text, async (text) => {
      const instant = parseInstant(text)
      if (typeof instant === 'string') return
      read += 1
      expect(instant.at, text).toBe(await asPostgres(text))
    }),
    { numRuns: 3000 },
  )
  expect(read).toBeGreaterThan(100)
})

it('digits after the microsecond are cut off, so no time moves into the next second', () => {
  expect(asHere('2024-12-31T23:59:59.999999999Z')).toBe('2024-12-31T23:59:59.999999Z')
  expect(asHere('2024-12-31T23:59:59.9Z')).toBe('2024-12-31T23:59:59.900000Z')
})

it('times are compared as instants, not as texts', () => {
  expect(isAfter('2026-07-15 09:30:00+02', '2026-07-15T08:00:00.000000Z')).toBe(false)
  expect(isAfter('10000-01-01T00:00:00.000000Z', '9999-12-31T23:59:59.999999Z')).toBe(true)
  expect(isAfter('2026-07-15T08:00:00.000002Z', '2026-07-15T08:00:00.000001Z')).toBe(true)
  expect(isAfter('2026-07-15T08:00:00.5Z', '2026-07-15T08:00:00.500000Z')).toBe(false)
  expect(isAfter('infinity', '9999-12-31T23:59:59.999999Z')).toBe(true)
  expect(isAfter('-infinity', '0044-03-15T00:00:00.000000Z BC')).toBe(false)
})

it('each accepted zone name means the same to Node and PostgreSQL', async () => {
  const short =
    'ACT AET AGT ART AST BET BST CAT CNT CST CTT EAT ECT IET IST JST MIT NET NST PLT PNT PRT PST SST VST EST MST HST CET MET EET WET EST5EDT CST6CDT MST7MDT PST8PDT NZ NZ-CHAT GB GB-Eire Eire ROK ROC PRC W-SU Zulu UCT GMT GMT0 GMT+0 GMT-0 Greenwich Universal UTC Z Hongkong Iran Israel Jamaica Japan Kwajalein Libya Navajo Poland Portugal Singapore Turkey Egypt Cuba SystemV/PST8 SystemV/EST5EDT US/Pacific-New US/Pacific Etc/Unknown Etc/GMT+5 Etc/GMT-14 MSK EDT CEST GMT+00:00 UTC+0 +02:00'.split(
      ' ',
    )
  const names = [...new Set([...Intl.supportedValuesOf('timeZone'), ...short])].filter(
    (name) => timeZoneOf(name) !== undefined,
  )
  const times = ['2024-01-15T12:00:00Z', '2024-07-15T12:00:00Z', '2024-11-03T06:30:00Z']
  const { rows } = await client.query(
    `select name, array_agg(to_char(t at time zone name, 'YYYY-MM-DD HH24:MI') order by t) as local
     from unnest($1::text[]) as name, unnest($2::timestamptz[]) as t group by name`,
    [names, times],
  )
  const local = (name: string, time: string) =>
    new Intl.DateTimeFormat('sv-SE', {
      timeZone: name,
      dateStyle: 'short',
      timeStyle: 'short',
    }).format(new Date(time))
  const sorted = [...times].sort()
  const differing = rows.filter(
    ({ name, local: theirs }) => sorted.map((time) => local(name, time)).join() !== theirs.join(),
  )
  expect(differing).toEqual([])
  expect(rows.length).toBe(names.length)
  expect(names).not.toContain('IST')
})
