// The TypeScript on the pages, compiled and run as an application would: against dist/, so it needs `npm run build`.
import { execFile } from 'node:child_process'
import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, expect, it } from 'vitest'
import type { TestDatabase } from './support/database.ts'
import { createMigrated } from './support/migrated.ts'

const run = promisify(execFile)
const root = join(import.meta.dirname, '..')
const pages = [
  'README.md',
  'CONTRIBUTING.md',
  ...readdirSync(join(root, 'docs')).map((name) => `docs/${name}`),
]
const snippets = pages
  .filter((page) => page.endsWith('.md'))
  .flatMap((page) =>
    [
      ...readFileSync(join(root, page), 'utf8').matchAll(
        /^ *```(?:ts|js|typescript|javascript)\n(.*?)^ *```/gms,
      ),
    ].map(([, text = ''], place) => ({ page, name: `${page} ${place + 1}`, text })),
  )

/** What a snippet may use without a declaration, in this order: an earlier snippet of the page has explained it. */
const EXPLAINED: Record<string, string> = {
  openStore: `import { openStore } from 'wfstore'`,
  tokensFrom: `import { tokensFrom } from 'wfstore'`,
  store: `const store = openStore({ databaseUrl: process.env.DATABASE_URL })`,
  job: `const job = { id: crypto.randomUUID() }`,
  log: `const log = { warn: (fields: object, message: string) => console.error(message, fields) }`,
  run: `const run = await store.startExecution({ workflowName: 'w', userId: 'u', mode: 'm', modelId: 'x' })`,
  executionId: `const { executionId } = run`,
  openai: `const openai = {
    responses: { create: async (_: object) => ({ usage: { input_tokens: 2600, output_tokens: 1100,
      input_tokens_details: { cached_tokens: 2000 }, output_tokens_details: { reasoning_tokens: 1000 } } }) },
    chat: { completions: { create: async (_: object) => [{ usage: null }, { usage: { prompt_tokens: 9, completion_tokens: 3 } }] } },
  }`,
  anthropic: `const anthropic = { messages: { create: async (_: object) => [
    { type: 'message_start', message: { usage: { input_tokens: 9, output_tokens: 1 } } } as const,
    { type: 'message_delta', usage: { output_tokens: 12 } } as const,
  ] } }`,
  gemini: `const gemini = { models: { generateContent: async (_: object) => ({ usageMetadata: { promptTokenCount: 9 } }) } }`,
  bedrock: `const bedrock = { send: async (_: object) => ({ usage: { inputTokens: 9, outputTokens: 3 } }) }`,
  ConverseCommand: `class ConverseCommand { constructor(readonly input: object) {} }`,
  generateText: `const generateText = async (_: object) => ({ totalUsage: { inputTokens: 9, outputTokens: 3 } })`,
  traceId: `const traceId = '5b8efff798038103d269b633813fc60c'`,
  request: `const request = { resourceSpans: [{ scopeSpans: [{ spans: [{ name: 'chat', traceId, spanId: 'eee19b7ec3c1b174',
    startTimeUnixNano: '1764000000000000000', endTimeUnixNano: '1764000001000000000',
    attributes: [{ key: 'gen_ai.operation.name', value: { stringValue: 'chat' } }] }] }] }] }`,
  span: `const span = { spanContext: () => ({ traceId: '5b8efff798038103d269b633813fc60d' }) }`,
  step: `const step = await run.startStep({ stepNumber: 1, stepName: 'search' })`,
}

let database: TestDatabase
let folder: string
/** The snippet as a module: what it uses is declared, and its paths are in the folder of this test. */
function moduleOf(text: string): string {
  const declared = (name: string) =>
    new RegExp(`\\b(?:const|import) (?:\\{[^}]*\\b${name}\\b|${name}\\b)|\\(${name}\\) =>`).test(
      text,
    )
  let all = text
  for (const name of Object.keys(EXPLAINED).reverse()) {
    if (!new RegExp(`(?<![.\\w'])${name}\\b(?!:)`).test(all) || declared(name)) continue
    all = `${EXPLAINED[name]}\n${all}`
  }
  return `${all.replaceAll(/'\/var\/\w+\//g, `'${folder}/`)}\nexport {}\n`
}
const fileOf = (name: string) => name.replace(/\W+/g, '-')

beforeAll(async () => {
  database = await createMigrated('snippets')
  folder = mkdtempSync(join(tmpdir(), 'wfstore-snippets-'))
  mkdirSync(join(folder, 'node_modules/@types'), { recursive: true })
  symlinkSync(root, join(folder, 'node_modules/wfstore'))
  for (const name of ['@types/node', '@types/pg', 'pg'])
    symlinkSync(join(root, 'node_modules', name), join(folder, 'node_modules', name))
  writeFileSync(join(folder, 'package.json'), JSON.stringify({ type: 'module' }))
  const compilerOptions = {
    strict: true,
    target: 'es2022',
    module: 'nodenext',
    types: ['node'],
    outDir: 'out',
  }
  writeFileSync(join(folder, 'tsconfig.json'), JSON.stringify({ compilerOptions }))
  for (const { name, text } of snippets)
    writeFileSync(join(folder, `${fileOf(name)}.ts`), moduleOf(text))
  await run(join(root, 'node_modules/.bin/tsc'), ['-p', folder]).catch(({ stdout }) =>
    expect(stdout).toBe(''),
  )
})
afterAll(async () => {
  await database.drop()
  rmSync(folder, { recursive: true, force: true })
})

it('the pages have snippets, and all of them are TypeScript', () => {
  expect(snippets.length).toBeGreaterThanOrEqual(8)
  expect(new Set(snippets.map(({ page }) => page))).toContain('README.md')
})

it.each(snippets)('the snippet $name compiles strictly and runs', async ({ name }) => {
  const { PATH, HOME } = process.env
  const env = { PATH, HOME, DATABASE_URL: database.url }
  const file = join(folder, 'out', `${fileOf(name)}.js`)
  const { stderr } = await run(process.execPath, [file], { cwd: folder, env })
  expect(stderr).toBe('')
})

it('the first example of the README says what to set if DATABASE_URL is not set', async () => {
  const { PATH } = process.env
  const file = join(folder, 'out', `${fileOf('README.md 1')}.js`)
  const failed = run(process.execPath, [file], { cwd: folder, env: { PATH, HOME: folder } })
  await expect(failed).rejects.toMatchObject({
    stderr: expect.stringContaining('set DATABASE_URL to a URL'),
  })
})

it('the runs of the README are recorded with their bills', async () => {
  const bills = await database.sql(
    `select b.cost::text from billing_records b join workflow_executions e using (execution_id)
     where e.mode = 'Sales' and e.status = 'success' order by 1`,
  )
  expect(bills.map(({ cost }) => cost)).toContain('0.0123')
})
