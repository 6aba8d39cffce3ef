import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { type CliOptions, runCli } from '../../../support/cli.ts'
import type { TestDatabase } from '../../../support/database.ts'
import { createMigrated } from '../../../support/migrated.ts'

let database: TestDatabase
let folder: string
const prices = (line: string, options: CliOptions = {}) =>
  runCli(['prices', ...line.split(' ').filter(Boolean), '--database-url', database.url], {
    env: { USER: 'maria' },
    cwd: folder,
    ...options,
  })
const file = (name: string, text: string) => writeFileSync(join(folder, name), text)
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'wfstore-prices-'))
  database = await createMigrated('cli_prices')
})
afterAll(async () => {
  rmSync(folder, { recursive: true })
  await database.drop()
})
afterEach(() =>
  database.sql(`begin; alter table wfstore_prices disable trigger user; delete from wfstore_prices;
    alter table wfstore_prices enable trigger user; commit`),
)
const OWN =
  'list --source own -o csv --columns model,provider,contextOver,from,input,output,cacheRead,author'
const rows = async (line = OWN) => (await prices(line)).stdout.trim().split('\r\n').slice(1)

describe('set', () => {
  it('adds a price of the person who runs it, says when it begins, and changes nothing in a repeat', async () => {
    const line = 'set gpt-5 input=2.50 cache-read=1.25 --from 2026-12-01'
    const words = 'gpt-5 has the price input=2.50 cache-read=1.25'
    expect(await prices(line)).toEqual({
      code: 0,
      stdout: `${words} from 2026-12-01T00:00:00.000000Z\n`,
      stderr: '',
    })
    expect((await prices(line)).stdout).toBe(`${words} already; nothing was changed\n`)
    expect(await prices(`${line} --json --author tom`)).toMatchObject({
      stdout: expect.stringContaining('"outcome": "already"'),
    })
    expect(await rows(`${OWN} --at 2026-12-01`)).toEqual([
      'gpt-5,,0,2026-12-01T00:00:00.000000Z,2.5,,1.25,maria',
    ])
    expect(await rows(`${OWN} --at 2026-11-30`)).toEqual([])
  })
  it('a price that begins in the past says that what was priced stays', async () => {
    const { stderr } = await prices(
      'set m input=1 --from 2020-01-01 --provider openai --author tom',
    )
    expect(stderr).toMatch('what was priced stays as it is')
    expect((await prices('set m output=1')).stderr).toBe('')
    expect(await rows()).toHaveLength(2)
  })
  it('says how to price steps without a price, and how to correct a price if there was one', async () => {
    const apply = 'wfstore prices apply --since 2020-01-01T00:00:00.000000Z'
    const first = (await prices('set m input=1 --from 2020-01-01')).stderr
    expect(first).toContain(`\`${apply}\``)
    expect(first).not.toContain('--recalculate')
    const second = (await prices('set m input=2 --from 2020-01-01')).stderr
    expect(second).toContain(`\`${apply} --recalculate --reason "wrong price"\``)
    file('past.csv', 'model,input,from\nnew,1,2020-01-01\n')
    const imported = (await prices('import past.csv')).stderr
    expect(imported).toContain(`\`${apply}\``)
    expect(imported).not.toContain('--recalculate')
    file('past.csv', 'model,input,from\nnew,2,2020-01-01\n')
    expect((await prices('import past.csv')).stderr).toContain('--recalculate --reason')
    expect((await prices('import past.csv')).stderr).toBe('')
  })
  it('takes the names of prices in each spelling', async () => {
    await prices('set m cacheRead=1 cache_write=2 --from 2026-12-01')
    const { stdout } = await prices(
      'list --at 2026-12-01 --columns model,cacheRead,cacheWrite -o csv',
    )
    expect(stdout).toBe('model,cacheRead,cacheWrite\r\nm,1,2\r\n')
  })
  it.each([
    ['inptu=1', 'inptu is not a price; use input'],
    ['cache_raed=1', 'cache_raed is not a price; use cache-read'],
    ['input=1,5', 'It must be an amount in US dollars, such as input=2.50'],
    ['input=-1', 'It must be an amount in US dollars'],
    ['input', 'It must be an amount in US dollars'],
    ['input=1 input=2', 'The price can be given only once'],
    ['', "missing required argument 'price'"],
    ['input=1 --context-over 0', 'It must be a whole number of at least 1'],
    ['input=1 --context-over 10', 'the input price of m is only for calls over 10 tokens'],
    ['input=1 --from tomorrow', '--from "tomorrow" is not a valid time'],
  ])('refuses %s', async (given, message) => {
    const { code, stderr } = await prices(`set m ${given}`)
    expect([code, stderr]).toEqual([2, expect.stringContaining(message)])
    expect(await rows()).toEqual([])
  })
})

describe('import of a file', () => {
  const CSV =
    'Model,provider,cache-read,input,from,context-over\r\ngpt-5,openai,0.1,1.00,2026-01-01,\n\n"b ""x""",,,2,2026-01-01,\ngpt-5,openai,,3,2026-01-01,1000\n'
  const IMPORTED = [
    'b "x",,0,2026-01-01T00:00:00.000000Z,2,,,maria',
    'gpt-5,openai,0,2026-01-01T00:00:00.000000Z,1,,0.1,maria',
    'gpt-5,openai,1000,2026-01-01T00:00:00.000000Z,3,,,maria',
  ].map((line) => line.replace('b "x"', '"b ""x"""'))

  it('takes CSV, a JSON array, JSON lines and stdin, all with the same prices', async () => {
    const [, ...values] = [
      '',
      '{"model":"gpt-5","provider":"openai","cacheRead":0.1,"input":1.00,"from":"2026-01-01"}',
      '{"model":"b \\"x\\"","provider":null,"input":"2","from":"2026-01-01"}',
      '{"model":"gpt-5","provider":"openai","input":3,"from":"2026-01-01","contextOver":1000}',
    ]
    file('list.csv', `\uFEFF${CSV}`)
    file('list.json', `[${values.join(',\n')}]`)
    file('list.jsonl', values.join('\n'))
    expect(await prices('import list.csv')).toEqual({
      code: 0,
      stdout: 'added 4 prices of 2 models\n',
      stderr: expect.stringContaining('apply --since 2026-01-01T00:00:00.000000Z'),
    })
    expect(await rows()).toEqual(IMPORTED)
    for (const name of ['list.csv', 'list.json', 'list.jsonl', '-'])
      expect((await prices(`import ${name}`, { stdin: Buffer.from(CSV) })).stdout).toBe(
        'no new prices; nothing was changed\n',
      )
  })
  it('takes what the list prints, as CSV and as JSON, with every digit', async () => {
    const exact = '0.123456789012345678901'
    file(
      'exact.json',
      `[{"model":"@cf/x","input":${exact},"output":1},{"model":"=y","request":0.5}]`,
    )
    await prices('import exact.json')
    for (const format of ['csv', 'json', 'jsonl']) {
      const { stdout } = await prices(`list -o ${format}`)
      expect(stdout).toContain(exact)
      file('again', stdout)
      expect((await prices('import again')).stdout).toBe('no new prices; nothing was changed\n')
    }
  })
  it.each([
    ['model,imput\nx,1', 'line 1: column "imput" is unknown; nothing was imported; use input'],
    ['model,input,input\nx,1,2', 'line 1: the column input is there twice'],
    [
      'model,input\nx,1\n\ny,abc\nz,-1\nu,\nv,1x',
      'line 4: input is "abc", not an amount in US dollars, 0 or more, such as "0.0123"; line 5: input is "-1"',
    ],
    ['model,input\nx,1\nX,2', 'line 3: the input price of X is given twice'],
    ['model,input\nx,1,5', 'line 2: it has 3 values, not 2'],
    [
      'model,input\nx,1,5\ny,a\nz,1\nu,b\nv',
      'line 2: it has 3 values, not 2; line 3: input is "a", not an amount in US dollars, 0 or more, such as "0.0123"; line 5: input is "b", not an amount in US dollars, 0 or more, such as "0.0123"; 1 more line is invalid; nothing was imported; put values with commas in quotes',
    ],
    ['model;input\nx;1,5', 'line 1: the values are separated by semicolons, not commas'],
    ['model,input\n"x,1', 'line 2: the file is not CSV'],
    ['model,input,from\nx,1,7d', 'line 2: from 7d depends on the current time'],
    ['model,input\n,1', 'line 2: model is missing'],
    ['model,input\n', 'the file has no prices'],
    [
      '[{"model":"x","input":1},\n{"model":"y","inputs":1}]',
      'line 2: the line has no option inputs; nothing was imported; use input',
    ],
    ['[{"model":"x","input":1}', 'line 1: the file is not JSON'],
    ['[1]', 'line 1: a price is not an object'],
    ['[{"model":"x","input":[1]}]', 'line 1: input is not a text or a number'],
  ])('refuses %j, and adds nothing', async (text, message) => {
    file('wrong', text)
    const { code, stderr } = await prices('import wrong')
    expect([code, stderr]).toEqual([2, expect.stringContaining(message)])
    expect(await rows()).toEqual([])
  })
  it('a folder is not a file', async () => {
    expect(await prices('import .')).toMatchObject({
      ...{ code: 2, stderr: 'error: . is a folder, not a file\n' },
    })
  })
  it('a file that does not exist is found before connecting', async () => {
    expect(await prices('import none.csv --database-url postgresql://localhost:1/x')).toMatchObject(
      {
        code: 2,
        stderr: 'error: file not found: none.csv\n',
      },
    )
  })
})

describe('list', () => {
  it('has a row for each time at which prices begin, and shows context tiers on 80 columns', async () => {
    await prices('set m input=1 --from 2026-01-01')
    await prices('set m output=2 --from 2026-02-01')
    await prices('set m input=3 --from 2026-01-01 --context-over 272000')
    expect(await rows()).toEqual([
      'm,,0,2026-02-01T00:00:00.000000Z,,2,,maria',
      'm,,0,2026-01-01T00:00:00.000000Z,1,,,maria',
      'm,,272000,2026-01-01T00:00:00.000000Z,3,,,maria',
    ])
    file(
      'all.csv',
      'model,provider,contextOver,from,input,output,cacheRead,cacheWrite\nclaude,anthropic,0,2026-01-01,1,2,3,4\nclaude,anthropic,200000,2026-01-01,5,6,7,8\n',
    )
    await prices('import all.csv')
    const { stdout } = await prices('list --model claude', { terminal: 80 })
    expect(stdout).toMatch(/CONTEXT OVER/)
    expect(stdout).toMatch(/200,000/)
    expect(stdout).not.toMatch(/SOURCE|REASONING/)
  })
  it('says that a price begins later, or that a model has none', async () => {
    await prices('set later input=1 --from 2099-01-01')
    expect((await prices('list --model later')).stderr).toBe(
      'later has a price from 2099-01-01T00:00:00.000000Z; use --at or --all\n',
    )
    expect((await prices('list --model none,later --all')).stderr).toBe('none has no price\n')
    expect((await prices('list --model later --provider x --source genai-prices')).stderr).toBe(
      'later has no matching price\n',
    )
  })
})

describe('import of genai-prices, and list', () => {
  it('says what was added and what was left out; the list says how much of it is shown', async () => {
    expect(await prices('list', { terminal: 100 })).toMatchObject({
      stderr: expect.stringContaining('run `wfstore prices import`'),
    })
    const { stdout, stderr } = await prices('import')
    expect(stdout).toMatch(
      /^added \d,\d{3} prices of 1,\d{3} models, from genai-prices 0\.1\.\d+\n$/,
    )
    expect(stderr).toMatch(
      /left out \d+ models with prices by time of day: deepseek\/deepseek-chat, /,
    )
    expect(stderr).toContain(
      'left out prices that are not for tokens or requests: web_searches_kcount (',
    )
    expect((await prices('import')).stdout).toMatch('nothing was changed')
    expect((await prices('list --limit 3')).stderr).toMatch(
      /^showing 3 of 1,\d{3}; use --limit all\n$/,
    )
    const columns = '--columns model,provider,input'
    expect(await prices(`list --model gpt-4o-2024-11-20 --provider azure ${columns}`)).toEqual({
      code: 0,
      stdout: 'model\tprovider\tinput\ngpt-4o\topenai\t2.5\n',
      stderr: 'gpt-4o-2024-11-20 has the prices of gpt-4o of openai\n',
    })
    expect((await prices('list --all --at 7d')).stderr).toMatch(
      '--all and --at cannot be used together',
    )
    expect((await prices(`--source own ${columns}`)).stdout).toBe('model\tprovider\tinput\n')
  })
  it('without the right to add prices the error says so', async () => {
    const url = new URL(database.url)
    await database.sql(`create role prices_reader login; grant usage on schema public to prices_reader;
      grant select on all tables in schema public to prices_reader`)
    url.username = 'prices_reader'
    url.password = ''
    const run = (line: string) => runCli([...line.split(' '), '--database-url', url.href])
    for (const line of ['prices set m input=1', 'prices import']) {
      const { code, stderr } = await run(line)
      expect([code, stderr]).toEqual([
        1,
        expect.stringContaining('only the owner of the tables can add prices'),
      ])
    }
    expect((await run('prices list')).code).toBe(0)
    await database.sql('drop owned by prices_reader; drop role prices_reader')
  })
})
