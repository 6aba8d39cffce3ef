import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { archiveToStream } from '../../../src/cleanup/archive/write/stream.ts'
import { lossesOf, readEffects } from '../../../src/cleanup/effects.ts'
import { CLEANED } from '../../../src/cleanup/types.ts'
import { runCli } from '../../support/cli.ts'
import type { TestDatabase } from '../../support/database.ts'
import { withClient } from '../../support/migrate.ts'
import { createAdoptedFull } from '../../support/migrated.ts'
import { clean, inFolder, restore, rowsOf, totalsOf } from '../archive/support.ts'

let database: TestDatabase
beforeEach(async () => {
  database = await createAdoptedFull('references')
  // All runs have ended and are old.
  await database.sql(`update workflow_executions set end_time = coalesce(end_time, start_time),
    status = case status when 'running' then 'failed' else status end`)
})
afterEach(() => database.drop())

const everything = async () => ({
  ours: await rowsOf(database),
  totals: await totalsOf(database),
  runs: await database.sql('select * from workflow_runs order by run_id'),
  documents: await database.sql('select * from documents'),
  templates: await database.sql('select * from workflow_templates'),
  periods: await database.sql('select * from billing_periods'),
})
const before = new Date().toISOString()
const RUNS = { table: 'workflow_runs', columns: ['execution_id'], problem: null }

it.each(['folder', 'stream'])(
  'a restore from a %s sets what the cleanup has set to NULL in tables of the application, and its columns',
  (form) =>
    inFolder(async (folder) => {
      const was = await everything()
      expect(
        await database.sql('select count(*)::int as n from audit_logs where action is not null'),
      ).not.toEqual([{ n: 0 }])
      const url = ['--database-url', database.url]
      const archive = form === 'folder' ? folder : '-'
      const cleaned = await runCli([
        'cleanup',
        '--before',
        before,
        '--archive',
        archive,
        '--yes',
        '--allow-all',
        ...url,
      ])
      expect(cleaned).toMatchObject({
        code: 0,
        stderr: expect.not.stringContaining('no archive has them'),
      })
      expect(await database.sql('select count(execution_id)::int as n from workflow_runs')).toEqual(
        [{ n: 0 }],
      )
      expect((await everything()).totals).toEqual(was.totals)
      const source = form === 'folder' ? [folder] : ['-']
      const restored = await runCli(
        ['restore', ...source, '--yes', ...url],
        form === 'folder' ? {} : { stdin: Buffer.from(cleaned.stdout) },
      )
      expect(restored).toMatchObject({
        code: 0,
        stdout: expect.stringContaining('workflow_runs.execution_id set again in 20 rows'),
      })
      expect(await everything()).toEqual(was)
    }),
)

it('a value of the application that is newer than the cleanup stays, and the restore says so', () =>
  inFolder(async (folder) => {
    await database.sql(`insert into workflow_executions (execution_id, workflow_name, user_id, mode, model_id)
      values ('00000000-0000-4000-8000-000000000001', 'w', 'u', 'Sales', 'm')`)
    await clean(database, folder, { before })
    const [moved, gone] = await database.sql(
      'select run_id from workflow_runs order by run_id limit 2',
    )
    await database.sql(
      `update workflow_runs set execution_id = '00000000-0000-4000-8000-000000000001' where run_id = $1`,
      [moved?.run_id],
    )
    await database.sql('delete from workflow_runs where run_id = $1', [gone?.run_id])
    const dry = await restore(database, folder, { dryRun: true })
    expect(dry.references).toEqual([{ ...RUNS, restored: 18, changed: 2 }])
    const { code, stderr } = await runCli([
      'restore',
      folder,
      '--yes',
      '--database-url',
      database.url,
    ])
    expect({ code, stderr }).toMatchObject({
      code: 0,
      stderr: expect.stringContaining(
        'warning: workflow_runs.execution_id is not set again in 2 rows: these rows were changed or deleted after the cleanup',
      ),
    })
    expect(
      await database.sql('select execution_id from workflow_runs where run_id = $1', [
        moved?.run_id,
      ]),
    ).toEqual([{ execution_id: '00000000-0000-4000-8000-000000000001' }])
  }))

it('a second restore does not set what the application has cleared after the first', () =>
  inFolder(async (folder) => {
    await clean(database, folder, { before })
    expect((await restore(database, folder)).references).toEqual([
      { ...RUNS, restored: 20, changed: 0 },
    ])
    await database.sql('update workflow_runs set execution_id = null')
    expect((await restore(database, folder)).references).toEqual([])
    expect(await database.sql('select count(execution_id)::int as n from workflow_runs')).toEqual([
      { n: 0 },
    ])
  }))

it('keys of several columns, with a list of columns, of a table itself, and to entries and metrics are set again', () =>
  inFolder(async (folder) => {
    await database.sql(`
      alter table workflow_executions add unique (user_id, execution_id);
      create schema "Other App";
      create table "Other App"."My ""Notes""" ("the user" text, "no" int, run uuid, entry uuid references audit_logs on delete set null,
        metric uuid references observability_metrics on delete set null, primary key ("the user", "no"),
        foreign key ("the user", run) references workflow_executions (user_id, execution_id) on delete set null (run));
      insert into "Other App"."My ""Notes""" select user_id, row_number() over (order by execution_id), execution_id,
        (select log_id from audit_logs a where a.execution_id = e.execution_id limit 1), null from workflow_executions e;
      insert into "Other App"."My ""Notes""" select 'm', row_number() over (order by metric_id), null, null, metric_id from observability_metrics;
      alter table workflow_executions add column parent uuid references workflow_executions on delete set null;
      update workflow_executions e set parent = (select execution_id from workflow_executions p where p.start_time < e.start_time order by start_time desc limit 1)`)
    const notes = () => database.sql('select * from "Other App"."My ""Notes""" order by 1, 2')
    const was = [
      await notes(),
      await database.sql('select execution_id, parent from workflow_executions order by 1'),
    ]
    await clean(database, folder, { before, batchSize: 7 })
    expect(await notes()).not.toEqual(was[0])
    const { references } = await restore(database, folder)
    expect(references.every(({ changed, problem }) => changed === 0 && problem === null)).toBe(true)
    expect(references.map(({ table, columns }) => `${table} ${columns}`).sort()).toEqual([
      '"Other App"."My ""Notes""" entry',
      '"Other App"."My ""Notes""" metric',
      '"Other App"."My ""Notes""" run',
      'workflow_executions parent',
      'workflow_runs execution_id',
    ])
    expect([
      await notes(),
      await database.sql('select execution_id, parent from workflow_executions order by 1'),
    ]).toEqual(was)
  }))

it('a table that is gone is named, and the rows of wfstore are restored', () =>
  inFolder(async (folder) => {
    await clean(database, folder, { before })
    await database.sql('drop table workflow_runs')
    expect((await restore(database, folder)).references).toEqual([
      {
        ...RUNS,
        restored: 0,
        changed: 20,
        problem: 'workflow_runs or one of these columns does not exist',
      },
    ])
  }))

it('what no restore brings back is named before the cleanup: by a dry run and as a warning', async () => {
  await database.sql(`
    create table attachments (id int primary key, run uuid references workflow_executions on delete cascade);
    create table marks (run uuid references workflow_executions on delete set null);
    create table links (id int primary key, run uuid default null references workflow_executions on delete set default);
    create index on attachments (run); create index on marks (run); create index on links (run); create index on workflow_runs (execution_id)`)
  const cascade =
    'foreign key attachments_run_fkey of attachments deletes rows of attachments together with rows of workflow_executions (ON DELETE CASCADE); no archive has them'
  const effects = await withClient(database, readEffects)
  expect(lossesOf(effects, false)).toEqual([cascade])
  expect(lossesOf(effects, true)).toEqual([
    cascade,
    'foreign key links_run_fkey of links clears columns of links, and a restore cannot set them again: it has ON DELETE SET DEFAULT',
    'foreign key marks_run_fkey of marks clears columns of marks, and a restore cannot set them again: marks has no primary key',
  ])
  for (const flags of [['--dry-run'], ['--yes', '--allow-all']]) {
    const { code, stderr } = await runCli([
      'cleanup',
      '--before',
      before,
      ...flags,
      '--database-url',
      database.url,
    ])
    expect({ code, stderr }).toMatchObject({
      code: 0,
      stderr: expect.stringContaining(`warning: ${cascade}\n`),
    })
    expect(stderr.split(cascade)).toHaveLength(2)
  }
})

it('import refuses a line with references, which only a restore can set again', async () => {
  const line = `{"metric":{"metricId":"00000000-0000-4000-8000-000000000009"},"references":[]}\n`
  expect(
    await runCli(['import', '-', '--database-url', database.url], { stdin: Buffer.from(line) }),
  ).toMatchObject({
    code: 2,
    stderr: expect.stringContaining(
      '"references" is only in an archive: run `wfstore restore`, or leave it out',
    ),
  })
})

it('a forged archive sets no column that a cleanup does not clear', () =>
  inFolder(async (folder) => {
    await database.sql('update workflow_runs set status = null')
    const url = ['--database-url', database.url]
    const argv = ['cleanup', '--before', before, '--archive', '-', '--yes', '--allow-all', ...url]
    const { stdout } = await runCli(argv)
    const [first, ...lines] = stdout
      .replaceAll(/"columns": {"execution_id": "[^"]*"}/g, '"columns": {"status": "forged"}')
      .split('\n')
    const path = join(folder, 'forged')
    writeFileSync(path, '')
    const sink = archiveToStream(path, { wfstoreVersion: '1' })
    await sink.open(JSON.parse(first as string).archive)
    for (const kind of CLEANED) {
      const rows = lines.filter((line) => line.startsWith(`{"${kind}"`))
      await sink.write(kind, Readable.from([Buffer.from(rows.map((row) => `${row}\n`).join(''))]))
    }
    await sink.sync()
    await sink.finish()
    expect((await restore(database, path)).references).toEqual([
      {
        table: 'workflow_runs',
        columns: ['status'],
        restored: 0,
        changed: 20,
        problem: 'no foreign key of this table clears these columns',
      },
    ])
    expect(await database.sql('select distinct status from workflow_runs')).toEqual([
      { status: null },
    ])
  }))
