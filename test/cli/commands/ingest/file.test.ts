import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { openStoreIn } from '../../../../src/store.ts'
import { type CliOptions, runCli } from '../../../support/cli.ts'
import { collectorLines } from '../../../support/collector.ts'
import { createDatabase, type TestDatabase } from '../../../support/database.ts'
import { createTemplate, type Template } from '../../../support/template.ts'

let template: Template
let database: TestDatabase
let folder: string
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'wfstore-ingest-'))
  template = await createTemplate('ingest', async ({ url }) => {
    await runCli(['migrate', 'up', '--database-url', url])
  })
})
afterAll(async () => {
  rmSync(folder, { recursive: true })
  await template.drop()
})
beforeEach(async () => {
  database = await template.copy()
})
afterEach(() => database.drop())

const cli = (argv: string[], options: CliOptions = {}) =>
  runCli(['ingest', ...argv, '--database-url', database.url], { cwd: folder, ...options })
const write = (name: string, content: string | Buffer) => writeFileSync(join(folder, name), content)
const runs = async (columns: string) => {
  const argv = ['executions', 'list', '--columns', columns, '--no-headers']
  const { stdout } = await runCli([...argv, '--database-url', database.url])
  return stdout
}

describe('ingest FILE', () => {
  it('stores the runs of a file, plain and compressed, and the second time changes nothing', async () => {
    write('a.jsonl', collectorLines('ai7-sub'))
    write('a.jsonl.gz', gzipSync(collectorLines('ai7-sub')))
    const first = await cli(['a.jsonl'])
    expect(first).toEqual({
      code: 0,
      stdout: '',
      stderr: expect.stringMatching(/^\d+ spans: 1 run, \d+ steps, 1,604 tokens, \$\d+\.\d+\n/),
    })
    const stored = await runs('workflowName,status,totalTokens,totalCost,endTime')
    expect(await cli(['a.jsonl.gz'])).toEqual(first)
    expect(await cli(['-'], { stdin: Buffer.from(collectorLines('ai7-sub')) })).toEqual(first)
    expect(await runs('workflowName,status,totalTokens,totalCost,endTime')).toBe(stored)
    expect(stored).toMatch(/\tsuccess\t1604\t/)
  })

  it('says of a file without traces what it is', async () => {
    write('logs.jsonl', '{"resourceLogs":[]}\n{"resourceMetrics":[]}\n')
    expect(await cli(['logs.jsonl'])).toEqual({
      code: 0,
      stdout: '',
      stderr:
        '0 spans: 0 runs, 0 steps, 0 tokens, $0.00\n2 lines have logs or metrics, and no traces\n',
    })
    write('export.jsonl', '{"execution":{"executionId":"0193f1c2"}}\n{"step":{}}\n')
    const { code, stderr } = await cli(['export.jsonl'])
    expect(stderr).toContain(
      'error: export.jsonl:1 is not an ExportTraceServiceRequest of OTLP (and 1 more line); name a file with',
    )
    expect(code).toBe(1)
  })

  it('-o json has what was read, refused and stored', async () => {
    const broken = JSON.stringify({
      resourceSpans: [
        { scopeSpans: [{ spans: [{ traceId: '0'.repeat(32), spanId: '39ff616c3a7d3584' }] }] },
      ],
    })
    write('b.jsonl', `${collectorLines('ai7-both')}${broken}\n{"resourceSpans": 1}\nno JSON\n`)
    const { code, stdout, stderr } = await cli(['b.jsonl', '-o', 'json'])
    const result = JSON.parse(stdout)
    expect(result).toMatchObject({
      refused: 1,
      totalTokens: 1002,
      failed: 0,
      unreadCount: 2,
    })
    expect(result.accepted).toBe(result.spans - 1)
    expect(result.refusals).toEqual([{ reason: expect.any(String), spans: 1 }])
    expect(
      result.unread.map(({ file, line }: { file: string; line: number }) => [file, line]),
    ).toEqual([
      ['b.jsonl', result.lines - 1],
      ['b.jsonl', result.lines],
    ])
    expect(code).toBe(1)
    const { error } = JSON.parse(stderr.trim().split('\n').at(-1) as string)
    expect(error.message).toBe(
      `1 span is refused: ${result.refusals[0].reason}; b.jsonl:${result.lines - 1} is not an ExportTraceServiceRequest of OTLP (and 1 more line)`,
    )
  })

  it('a file that is damaged in the middle is named, and the others are stored', async () => {
    const whole = gzipSync(collectorLines('ai7-sub'))
    write('cut.jsonl.gz', whole.subarray(0, whole.length - 20))
    write('a.jsonl', collectorLines('ai7-sub'))
    const { code, stderr } = await cli(['cut.jsonl.gz', 'a.jsonl'])
    expect(code).toBe(1)
    expect(stderr).toMatch(
      /^\d+ spans: 1 run, .* 1,604 tokens[\s\S]*\nerror: cut\.jsonl\.gz:\d+ cannot be read: .*\n$/,
    )
  })

  it('ends no run of another process early', async () => {
    await database.sql(
      `insert into wfstore_traces (trace_id, first_arrival, last_arrival, due_at)
       values ('4bf92f35-77b3-4da6-a3ce-929d0e0e4736', now(), now(), now())`,
    )
    write('a.jsonl', collectorLines('ai7-sub'))
    await cli(['a.jsonl'])
    expect(await database.sql(`select state from wfstore_traces order by state`)).toMatchObject([
      { state: 'ended' },
      { state: 'received' },
    ])
  })

  it('with --quiet the runs stay open until a later ingest', async () => {
    write('a.jsonl', collectorLines('ai7-sub'))
    const { stderr } = await cli(['a.jsonl', '--quiet', '1h'])
    expect(stderr).toContain('1 run is still open: it waits for more spans\n')
    expect(await runs('status')).toBe('running\n')
    await cli(['a.jsonl'])
    expect(await runs('status')).toBe('success\n')
  })

  it('a trace without a root stays open while its spans are young, and fails when they are old', async () => {
    const span = (traceId: string, at: number) => ({
      traceId,
      spanId: '39ff616c3a7d3584',
      parentSpanId: '49ff616c3a7d3584',
      name: 'chat gpt-5',
      startTimeUnixNano: `${at}000000`,
      endTimeUnixNano: `${at + 10}000000`,
      attributes: [{ key: 'gen_ai.operation.name', value: { stringValue: 'chat' } }],
    })
    const hourMs = 3_600_000
    const spans = [
      span('1'.repeat(32), Date.now() - 2 * hourMs),
      span('2'.repeat(32), Date.now() - hourMs / 2),
    ]
    write('a.jsonl', JSON.stringify({ resourceSpans: [{ scopeSpans: [{ spans }] }] }))
    await cli(['a.jsonl'])
    const statuses = () =>
      database.sql(`select status from workflow_executions order by execution_id`)
    expect(await statuses()).toEqual([{ status: 'failed' }, { status: 'running' }])
    await cli(['a.jsonl', '--abandon', '10m'])
    expect(await statuses()).toEqual([{ status: 'failed' }, { status: 'failed' }])
  })

  it('ends runs that an earlier file has left open, and none that another process is about to write', async () => {
    write('a.jsonl', collectorLines('ai7-anthropic'))
    write('b.jsonl', collectorLines('ai7-sub'))
    await cli(['a.jsonl', '--quiet', '1h'])
    const next = async (due: string) => {
      await database.sql(
        `update wfstore_traces set due_at = now() - interval '${due}', last_arrival = now() - interval '1 h'`,
      )
      await cli(['b.jsonl'])
      return database.sql('select status from workflow_executions order by status')
    }
    expect(await next('10 s')).toEqual([{ status: 'running' }, { status: 'success' }])
    expect(await next('2 min')).toEqual([{ status: 'success' }, { status: 'success' }])
  })

  it('takes the attributes, the defaults and the content from the config, and flags override it', async () => {
    const file = join(folder, 'wfstore.config.json')
    const ingest = { user: ['none'], defaultUser: 'batch', mode: ['none'], defaultMode: 'Sales' }
    writeFileSync(file, JSON.stringify({ ingest: { ...ingest, content: true } }))
    write('a.jsonl', collectorLines('ai7-sub'))
    await cli(['a.jsonl', '--default-mode', 'Support'])
    rmSync(file)
    expect(await runs('userId,mode')).toBe('batch\tSupport\n')
    expect(
      await database.sql(`select 1 from workflow_steps where result is not null limit 1`),
    ).toHaveLength(1)
  })

  it('a run has the defaults of the process that receives it, also if another one ends it', async () => {
    write('a.jsonl', collectorLines('ai7-anthropic'))
    const config = join(folder, 'wfstore.config.json')
    writeFileSync(config, JSON.stringify({ ingest: { mode: ['none'], user: ['none'] } }))
    await cli(['a.jsonl', '--quiet', '1h', '--default-mode', 'Sales', '--default-user', 'batch'])
    rmSync(config)
    expect(await runs('userId,mode,status')).toBe('batch\tSales\trunning\n')
    await database.sql(
      `update wfstore_traces set due_at = now(), last_arrival = now() - interval '1 h'`,
    )
    const store = openStoreIn(() => ({ env: {}, cwd: folder }), { databaseUrl: database.url })
    await store.traces.settle({ defaultMode: 'Support' })
    await store.close()
    expect(await runs('userId,mode,status')).toBe('batch\tSales\tsuccess\n')
  })

  it('stores no content without --content', async () => {
    write('a.jsonl', collectorLines('ai7-sub'))
    await cli(['a.jsonl'])
    const kept = `select 1 from workflow_steps where result is not null or tool_parameters is not null`
    expect(await database.sql(kept)).toEqual([])
    expect(await database.sql(`select facts from wfstore_spans where facts ? 'content'`)).toEqual(
      [],
    )
  })

  it('an interruption stores what was read, says so, and ends no run', async () => {
    const controller = new AbortController()
    write('a.jsonl', collectorLines('ai7-sub'))
    const { code, stdout, stderr } = await cli(['a.jsonl'], {
      signal: AbortSignal.abort('SIGTERM'),
    })
    expect([code, stdout, stderr]).toEqual([
      143,
      '',
      'interrupted; 0 spans stored; run it again to continue\n',
    ])
    controller.abort()
    expect(await runs('status')).toBe('')
  })

  it.each<[string[], RegExp | string]>([
    [[], 'a file or --listen is required'],
    [['a.jsonl', '--listen', '127.0.0.1:4318'], '--listen and files cannot be used together'],
    [
      ['--listen', '127.0.0.1:4318', '--max-line', '5'],
      '--listen and --max-line cannot be used together',
    ],
    [['-', '-'], 'stdin can be read only once'],
    [['none.jsonl'], 'file not found: none.jsonl'],
    [['.'], '. is a folder, not a file'],
    [['-', '--content-limit', '5'], '--content-limit is given without --content'],
    [['-', '--drop-attribute', 'x'], '--drop-attribute is given without --content'],
    [['-', '--quiet', '5'], 'It must be a duration such as'],
    [['-', '--content', '--content-limit', '5kB'], 'It must be a number of characters'],
    [['-', '--columns', 'x', '-o', 'csv'], 'unknown column "x"'],
    ...['4318', 'localhost', '[127.0.0.1]:1', '::1:4318', 'h:70000', 'http://h:1'].map(
      (address): [string[], string] => [
        ['--listen', address],
        'It must be HOST:PORT, such as 127.0.0.1:4318 or [::1]:4318',
      ],
    ),
  ])('refuses %j', async (argv, message) => {
    const { code, stderr } = await cli(argv)
    expect([code, stderr]).toEqual([2, expect.stringContaining(message as string)])
  })

  it('without a schema it is exit 4', async () => {
    write('a.jsonl', collectorLines('ai7-sub'))
    const bare = await createDatabase('ingest_bare')
    expect(
      await runCli(['ingest', 'a.jsonl', '--database-url', bare.url], { cwd: folder }),
    ).toMatchObject({
      code: 4,
      stderr: expect.stringMatching(/^error: [^\n]*\n$/),
    })
    await bare.drop()
  })
})
