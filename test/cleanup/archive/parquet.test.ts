import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import disks, { cp, mkdir, rm } from 'node:fs/promises'
import { syncBuiltinESMExports } from 'node:module'
import { join } from 'node:path'
import { asyncBufferFromFile, parquetMetadataAsync } from 'hyparquet'
import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest'
import { convertArchive } from '../../../src/cleanup/archive/convert/archive.ts'
import { verifyArchive } from '../../../src/cleanup/archive/verify/verify.ts'
import { archiveInFolder } from '../../../src/cleanup/archive/write/folder.ts'
import { exportLines } from '../../../src/transfer/export/export.ts'
import type { TestDatabase } from '../../support/database.ts'
import { withClient } from '../../support/migrate.ts'
import { createMigrated } from '../../support/migrated.ts'
import { clean, inFolder, options, restore, totalsOf } from './support.ts'

/** The number of calls that change the disk before the process counts as killed. */
const disk = { left: Number.POSITIVE_INFINITY }
const real = { open: disks.open, rename: disks.rename, rm: disks.rm }
const killed =
  <A extends unknown[], R>(work: (...given: A) => Promise<R>) =>
  (...given: A): Promise<R> =>
    disk.left-- > 0 ? work(...given) : Promise.reject(new Error('killed'))
beforeAll(() => {
  Object.assign(disks, {
    open: killed(real.open),
    rename: killed(real.rename),
    rm: killed(real.rm),
  })
  // Modules that other test files have loaded get them too.
  syncBuiltinESMExports()
})
afterAll(() => {
  Object.assign(disks, real)
  syncBuiltinESMExports()
})

let database: TestDatabase
beforeAll(async () => {
  database = await createMigrated('parquet')
  await database.sql(
    `alter table workflow_executions add column tenant text, add column "Score" numeric(8,2)`,
  )
})
afterAll(() => database.drop())

/** Costs with zeros at the end, JSON null, a time before 1970, and two references. */
beforeEach(async () => {
  disk.left = Number.POSITIVE_INFINITY
  await database.sql(`
    begin; set local wfstore.keeps_totals = 'on';
    delete from workflow_executions; delete from audit_logs; delete from observability_metrics; delete from usage_history;
    delete from audit_history; delete from wfstore_cleanups;
    insert into workflow_executions (workflow_name, user_id, mode, model_id, start_time, end_time, status, total_cost, total_tokens, metadata,
      error_message, tenant, "Score")
    select 'w' || n % 3, 'u"\\é' || n % 5, 'm', 'x', timestamptz '2026-01-01Z' + n * interval '1.000001 s', '2026-02-01Z', 'success',
      (n * 0.0010)::numeric, n * 1000000000000, case n % 3 when 0 then 'null' when 1 then '{"a": 1.10}' end::jsonb, e'a\\tb', 'acme', n
    from generate_series(1, 40) n;
    insert into workflow_steps (execution_id, step_number, step_name, cost, tool_parameters)
    select execution_id, n, 's', total_cost / 3, '[1, {"b": null}]' from workflow_executions, generate_series(1, 3) n;
    insert into audit_logs (user_id, action_type, action_details, timestamp) values ('u', 'a', 'd', '1969-12-31T23:59:59.000001Z');
    insert into observability_metrics (user_id, metric_type, metric_value, timestamp)
    select 'u', 't', n, '2026-01-01Z' from unnest('{-1.50, 0, 12345678901234567890.123456789012345678}'::numeric[]) n; commit`)
})

const exported = () =>
  withClient(database, async (client) => {
    const chunks: Buffer[] = []
    for await (const chunk of exportLines(client, {})) chunks.push(chunk)
    return Buffer.concat(chunks).toString()
  })

const parquet = (folder: string) => archiveInFolder(folder, { ...options, format: 'parquet' })
const archiveOf = (folder: string) => join(folder, readdirSync(folder)[0] as string)

async function linesOf(folder: string): Promise<string> {
  const { archives, problems } = await verifyArchive(folder)
  expect(problems).toEqual([])
  const chunks: Buffer[] = []
  for (const { content } of archives) for await (const chunk of content()) chunks.push(chunk)
  return Buffer.concat(chunks).toString()
}

it('rows that a cleanup has archived as Parquet are restored byte for byte, and no total changes', () =>
  inFolder(async (folder) => {
    const [before, totals] = [await exported(), await totalsOf(database)]
    const { archive } = await clean(database, folder, { archive: parquet(folder) })
    expect(await exported()).toBe('')
    expect(readdirSync(archiveOf(folder))).toEqual([
      ...['audit-0001.parquet', 'executions-0001.parquet', 'manifest.json'],
      ...['metrics-0001.parquet', 'steps-0001.parquet'],
    ])
    expect(archive?.lines).toEqual({ execution: 40, step: 120, audit: 1, metric: 3 })
    expect((await verifyArchive(folder)).archives[0]).toMatchObject({
      complete: true,
      problems: [],
    })
    const { restored } = await restore(database, folder)
    expect(restored).toEqual(archive?.lines)
    expect(await exported()).toBe(before)
    expect(await totalsOf(database)).toEqual(totals)
  }))

it('the columns have types, and each row group has the least and the greatest value', () =>
  inFolder(async (folder) => {
    await clean(database, folder, { archive: parquet(folder) })
    const file = await asyncBufferFromFile(join(archiveOf(folder), 'executions-0001.parquet'))
    const { schema, row_groups } = await parquetMetadataAsync(file)
    const element = (name: string) => schema.find((each) => each.name === name)
    expect(element('execution_id')).toMatchObject({
      type_length: 16,
      logical_type: { type: 'UUID' },
    })
    expect(element('total_cost')).toMatchObject({
      converted_type: 'DECIMAL',
      precision: 38,
      scale: 4,
    })
    expect(element('Score')).toMatchObject({ converted_type: 'DECIMAL', precision: 38, scale: 2 })
    expect(element('total_tokens')).toMatchObject({ type: 'INT64' })
    expect(element('steps_total')).toMatchObject({ type: 'INT32' })
    expect(element('start_time')).toMatchObject({
      logical_type: { type: 'TIMESTAMP', isAdjustedToUTC: true, unit: 'MICROS' },
    })
    expect(element('metadata')).toMatchObject({ logical_type: { type: 'JSON' } })
    const tokens = row_groups[0]?.columns.find(
      ({ meta_data }) => meta_data?.path_in_schema[0] === 'total_tokens',
    )
    expect(tokens?.meta_data?.statistics).toMatchObject({
      min_value: 1_000_000_000_000n,
      max_value: 40_000_000_000_000n,
      null_count: 0n,
    })
  }))

it('a value that its type cannot hold makes its column text in that file, the manifest says so, and it is restored', () =>
  inFolder(async (folder) => {
    await database.sql(`
      begin; set local wfstore.keeps_totals = 'on'; update workflow_steps set cost = 1e-39 where step_number = 1;
      update workflow_executions set created_at = '0044-03-15 00:00Z BC'; commit`)
    const before = await exported()
    const { archive } = await clean(database, folder, { archive: parquet(folder) })
    const texts = archive?.files.map(({ name, textColumns }) => [name, textColumns])
    expect(texts).toContainEqual(['steps-0001.parquet', ['cost']])
    expect(texts).toContainEqual(['executions-0001.parquet', ['created_at']])
    expect(texts).toContainEqual(['metrics-0001.parquet', undefined])
    await restore(database, folder)
    expect(await exported()).toBe(before)
  }))

it('an archive that is converted to Parquet and back has the same lines, in its place or as a copy', () =>
  inFolder(async (folder) => {
    const [lines, copy] = [join(folder, 'lines'), join(folder, 'copy')]
    await clean(database, lines)
    const before = await linesOf(lines)
    expect(await convertArchive(archiveOf(lines), { to: 'parquet', out: copy })).toMatchObject({
      outcome: 'converted',
    })
    expect(readdirSync(archiveOf(lines)).some((name) => name.endsWith('.parquet'))).toBe(false)
    expect(await linesOf(copy)).toBe(before)
    expect(await convertArchive(archiveOf(lines), { to: 'parquet', out: copy })).toMatchObject({
      outcome: 'unchanged',
    })
    const manifest = () => JSON.parse(readFileSync(join(archiveOf(lines), 'manifest.json'), 'utf8'))
    const { form, finishedAt } = manifest()
    expect(form).toBe(1)
    await convertArchive(archiveOf(lines), { to: 'parquet' })
    expect(manifest()).toMatchObject({ form: 2, finishedAt })
    expect(await linesOf(lines)).toBe(before)
    await convertArchive(archiveOf(lines), { to: 'jsonl' })
    expect(manifest()).toMatchObject({ form: 1, finishedAt })
    expect(await linesOf(lines)).toBe(before)
    expect(await convertArchive(archiveOf(lines), { to: 'jsonl' })).toMatchObject({
      outcome: 'unchanged',
    })
  }))

it(
  'a conversion that is killed at any moment leaves an archive with all of its lines, and the next one ends it',
  { tags: 'slow' },
  () =>
    inFolder(async (folder) => {
      const lines = join(folder, 'lines')
      await clean(database, lines)
      const before = await linesOf(lines)
      const name = readdirSync(lines)[0] as string
      let killed = 0
      for (const isFinished of [true, false]) {
        for (let at = 0; ; at++) {
          const work = join(folder, `work-${isFinished}-${at}`)
          const place = join(work, name)
          await mkdir(work)
          await cp(join(lines, name), place, { recursive: true })
          if (!isFinished) await unfinish(place)
          const convert = () => convertArchive(place, { to: 'parquet', unfinished: true })
          disk.left = at
          const ended = await convert().catch((error) => {
            expect(String(error)).toContain('killed')
          })
          disk.left = Number.POSITIVE_INFINITY
          expect(await linesOf(work), `killed at ${at}`).toBe(before)
          expect((await verifyArchive(work)).complete).toBe(isFinished)
          await convert()
          expect(await linesOf(work)).toBe(before)
          expect(readdirSync(place).every((file) => /\.parquet$|^manifest\.json$/.test(file))).toBe(
            true,
          )
          await rm(work, { recursive: true })
          if (ended) break
          killed++
        }
      }
      expect(killed).toBeGreaterThan(20)
    }),
)

/** As if the cleanup had been killed: a journal and no manifest. */
async function unfinish(place: string): Promise<void> {
  const { seal } = await import('../../../src/cleanup/archive/form.ts')
  const {
    files,
    lines: _,
    bytes: __,
    finishedAt: ___,
    seal: ____,
    ...head
  } = JSON.parse(readFileSync(join(place, 'manifest.json'), 'utf8'))
  const segments = files.map(({ name, ...file }: { name: string }) => ({
    file: name,
    offset: 0,
    ...file,
  }))
  const marks = [{ archive: head }, { segments }]
  writeFileSync(join(place, 'segments.jsonl'), marks.map((mark) => `${seal(mark)}\n`).join(''))
  await rm(join(place, 'manifest.json'))
}

it('the archive of a cleanup that may still run stays as it is', () =>
  inFolder(async (folder) => {
    await clean(database, folder)
    const place = archiveOf(folder)
    await unfinish(place)
    const before = readdirSync(place)
    expect(await convertArchive(place, { to: 'parquet' })).toMatchObject({ outcome: 'unfinished' })
    expect(readdirSync(place)).toEqual(before)
  }))

it('the next cleanup converts what a killed one of its database has left, but not what another may be writing', () =>
  inFolder(async (folder) => {
    const sink = parquet(folder)
    await clean(database, folder, { archive: { ...sink, convert: undefined as never } })
    const place = archiveOf(folder)
    const before = await linesOf(folder)
    await unfinish(place)
    const seed = `insert into observability_metrics (user_id, metric_type, metric_value, timestamp) values ('u', 't', 1, '2026-01-01Z')`
    await database.sql(`update wfstore_cleanups set cleanup_id = gen_random_uuid(); ${seed}`)
    await clean(database, folder, { archive: parquet(folder) })
    expect(readdirSync(place)).toContain('segments.jsonl')
    const [, id] =
      /"cleanupId":"([^"]+)"/.exec(readFileSync(join(place, 'segments.jsonl'), 'utf8')) ?? []
    await database.sql(
      `insert into wfstore_cleanups (cleanup_id, started_at, cutoff, outcome) values ('${id}', now(), now(), 'running'); ${seed}`,
    )
    await clean(database, folder, { archive: parquet(folder) })
    expect(readdirSync(place).filter((name) => name.endsWith('.jsonl.gz'))).toEqual([])
    expect(await linesOf(place)).toBe(before)
  }))

it('a damaged Parquet file is named, and nothing is restored', () =>
  inFolder(async (folder) => {
    await clean(database, folder, { archive: parquet(folder) })
    const path = join(archiveOf(folder), 'steps-0001.parquet')
    const bytes = readFileSync(path)
    bytes[100] = (bytes[100] as number) ^ 1
    writeFileSync(path, bytes)
    const { problems } = await verifyArchive(folder)
    expect(problems).toMatchObject([{ problem: 'is damaged: its SHA-256 does not match' }])
    await expect(restore(database, folder)).rejects.toThrow(/steps-0001.parquet is damaged/)
    await expect(convertArchive(archiveOf(folder), { to: 'jsonl' })).rejects.toThrow(
      /steps-0001.parquet/,
    )
  }))
