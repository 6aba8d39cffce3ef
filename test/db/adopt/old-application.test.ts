import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createDatabase, loadLegacy, type TestDatabase } from '../../support/database.ts'
import { migrate } from '../../support/migrate.ts'

/** The statements of the application whose tables wfstore adopts, with its names, its defaults and its times. */
describe.each(['adopted', 'fresh'])('on an %s schema the old application', (kind) => {
  let database: TestDatabase
  const run = '11111111-1111-4111-8111-111111111111'
  const step = '22222222-2222-4222-8222-222222222222'

  beforeAll(async () => {
    database = await createDatabase(`old_application_${kind}`)
    if (kind === 'adopted') await loadLegacy(database)
    await migrate(database)
  })

  afterAll(() => database.drop())

  it('inserts a run with text times that end in Z, and one with only defaults', async () => {
    const inserted = await database.sql(
      `insert into workflow_executions (execution_id, workflow_name, workflow_type, user_id, mode, model_id, start_time,
         status, total_cost, total_tokens, steps_total, steps_completed, steps_failed, metadata)
       values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)
       returning to_char(start_time at time zone 'UTC', 'YYYY-MM-DD HH24:MI:SS.US') as started`,
      [
        run,
        '客户跟进',
        'autonomous',
        'user_1',
        'Sales',
        'gpt-4o',
        '2026-11-23T01:02:07.789Z',
        'running',
        0,
        0,
        2,
        0,
        0,
        '{"a": 1}',
      ],
    )
    expect(inserted).toEqual([{ started: '2026-11-23 01:02:07.789000' }])
    const [minimal] = await database.sql(
      `insert into workflow_executions (workflow_name, user_id, mode, model_id) values ('w', 'u', 'Admin', 'm') returning *`,
    )
    expect(minimal).toMatchObject({
      workflow_type: 'autonomous',
      status: 'running',
      total_cost: '0',
      total_tokens: '0',
      steps_total: 0,
      metadata: {},
      start_time: expect.any(Date),
      created_at: expect.any(Date),
    })
  })

  it('inserts a step and finishes it by step_id', async () => {
    await database.sql(
      `insert into workflow_steps (step_id, execution_id, step_number, step_name, step_description, tool_name,
         tool_parameters, status, start_time) values ($1, $2, 1, 'Load', 'd', 'crm', '{"q": "x"}', 'running', $3)`,
      [step, run, '2026-11-23T01:02:08.000Z'],
    )
    const finished = await database.sql(
      `update workflow_steps set status = $2, end_time = $3, duration_ms = $4, tokens_used = $5, cost = $6, result = $7,
         error_message = $8, retry_count = $9 where step_id = $1
       returning cost, tokens_used, tokens_input, duration_ms, updated_at >= created_at as touched`,
      [step, 'success', '2026-11-23T01:02:09.500Z', 1500, 100, 0.012345, '{"rows": 3}', null, 0],
    )
    expect(finished).toEqual([
      {
        cost: '0.012345',
        tokens_used: '100',
        tokens_input: null,
        duration_ms: '1500',
        touched: true,
      },
    ])
  })

  it('updates the totals of the run, and updated_at moves', async () => {
    const [before] = await database.sql(
      'select updated_at::text as at from workflow_executions where execution_id = $1',
      [run],
    )
    const [after] = await database.sql(
      `update workflow_executions set total_cost = $2, total_tokens = $3, steps_completed = $4, status = $5, end_time = $6
       where execution_id = $1 returning total_cost, total_tokens, updated_at::text as at`,
      [run, '0.012345', 100, 1, 'success', '2026-11-23T01:02:10.000Z'],
    )
    expect(after).toMatchObject({ total_cost: '0.012345', total_tokens: '100' })
    expect(String(after?.at) > String(before?.at)).toBe(true)
  })

  it('inserts audit rows, metrics, and bills with and without token classes', async () => {
    await database.sql(
      `insert into audit_logs (execution_id, step_id, user_id, action_type, action_details, tool_name, tool_input, success)
       values ($1, $2, 'user_1', 'tool_call', 'called', 'crm', '{}', true)`,
      [run, step],
    )
    await database.sql(
      `insert into observability_metrics (timestamp, user_id, metric_type, metric_value, dimensions)
       values ('2026-11-23T01:00:00.000Z', 'user_1', 'cost', 12.3456, '{}')`,
    )
    const bill = `insert into billing_records (user_id, execution_id, model_id, tokens_total, cost, billing_period`
    await database.sql(
      `${bill}, tokens_input, tokens_output) values ('user_1', $1, 'gpt-4o', 100, 0.012345, '2026-11', 60, 40)`,
      [run],
    )
    await database.sql(`${bill}) values ('user_1', $1, 'gpt-4o', 100, 0.012345, '2026-11')`, [run])
    expect(
      await database.sql(
        `update billing_records set paid = true, payment_id = 'p' where execution_id = $1
         returning tokens_input, paid, updated_at >= created_at as touched`,
        [run],
      ),
    ).toEqual([
      { tokens_input: '60', paid: true, touched: true },
      { tokens_input: null, paid: true, touched: true },
    ])
  })

  it('reads its summaries', async () => {
    const [summary] = await database.sql(
      `select * from user_workflow_summary where user_id = 'user_1'`,
    )
    expect(Number(summary?.successful_executions)).toBeGreaterThan(0)
    expect(
      await database.sql(`select * from daily_cost_summary where user_id = 'user_1'`),
    ).not.toEqual([])
  })

  it('cannot write a status that wfstore does not know', async () => {
    await expect(
      database.sql(`update workflow_executions set status = 'odd' where execution_id = $1`, [run]),
    ).rejects.toThrow('workflow_executions_status_check')
  })

  it('deletes a run and with it its steps; audit rows and bills stay and still name it', async () => {
    await database.sql('delete from workflow_executions where execution_id = $1', [run])
    const [left] = await database.sql(
      `select (select count(*) from workflow_steps where execution_id = $1)::int as steps,
              (select count(*) from audit_logs where execution_id = $1 and step_id = $2)::int as audit,
              (select count(*) from billing_records where execution_id = $1)::int as bills`,
      [run, step],
    )
    expect(left).toEqual({ steps: 0, audit: 1, bills: 2 })
  })
})
