import { Writable } from 'node:stream'
import type { Column } from '../../../src/cli/output/column.ts'
import type { OutputOptions, Writer } from '../../../src/cli/output/writer.ts'
import { createWriter } from '../../../src/cli/output/writer.ts'

export interface Step {
  stepNumber: number
  stepName: string
  toolName: string | null
  status: string
  startTime: string
  durationMs: number | null
  cost: string
  result: string | null
}

export interface Run {
  executionId: string
  startTime: string
  endTime: string | null
  workflowName: string
  userId: string
  status: string
  durationMs: number | null
  totalCost: string
  totalTokens: number | bigint | string
  stepsCompleted: number
  stepsTotal: number
  mode: string | null
  modelId: string | null
  errorMessage: string | null
  metadata: string | null
  steps: Step[]
}

const NOW = '2026-11-23T09:30:00.000Z'

export const stepColumns: Column<Step>[] = [
  { name: 'stepNumber', header: '#', kind: 'count', priority: 10 },
  { name: 'stepName', header: 'STEP', kind: 'text', flex: { min: 12 }, priority: 9 },
  { name: 'toolName', header: 'TOOL', kind: 'text', flex: { min: 12 } },
  { name: 'status', kind: 'status', priority: 10 },
  { name: 'startTime', header: 'STARTED', kind: 'time', priority: 3 },
  { name: 'durationMs', header: 'DURATION', kind: 'duration', priority: 7 },
  { name: 'cost', kind: 'amount', priority: 8 },
  { name: 'result', kind: 'json', table: false },
]

export const runColumns: Column<Run>[] = [
  { name: 'executionId', header: 'ID', kind: 'id', isName: true, priority: 10 },
  { name: 'startTime', header: 'STARTED', kind: 'time', priority: 9 },
  { name: 'workflowName', header: 'WORKFLOW', kind: 'text', flex: { min: 12 }, priority: 8 },
  { name: 'userId', header: 'USER', kind: 'text', flex: { min: 8 }, priority: 6 },
  { name: 'status', kind: 'status', priority: 10 },
  {
    name: 'durationMs',
    header: 'DURATION',
    kind: 'duration',
    cell: (row, now) => row.durationMs ?? now.getTime() - Date.parse(row.startTime),
    priority: 6,
  },
  { name: 'totalCost', header: 'COST', kind: 'amount', priority: 7 },
  { name: 'totalTokens', header: 'TOKENS', kind: 'count', priority: 3 },
  {
    name: 'progress',
    header: 'STEPS',
    kind: 'text',
    value: (row) => `${row.stepsCompleted}/${row.stepsTotal}`,
    json: false,
    priority: 4,
  },
  { name: 'mode', kind: 'text', priority: 2 },
  { name: 'modelId', header: 'MODEL', kind: 'text', flex: { min: 10 }, priority: 1 },
  { name: 'endTime', header: 'ENDED', kind: 'time', table: false },
  { name: 'errorMessage', header: 'ERROR', kind: 'text', table: false, flex: { min: 20 } },
  { name: 'metadata', kind: 'json', table: false },
]

export const recordColumns: Column<Run>[] = [
  ...runColumns.map((column) => ({ ...column, table: true })),
  { name: 'steps', kind: 'rows', columns: stepColumns },
]

const run: Run = {
  executionId: '019ac3f1-7a5e-7c01-8a1b-3f0000000001',
  startTime: '2026-11-23T08:22:35.123456Z',
  endTime: '2026-11-23T08:23:52.500000Z',
  workflowName: 'Lead enrichment',
  userId: 'user_7',
  status: 'success',
  durationMs: 77376.544,
  totalCost: '0.127232',
  totalTokens: 18_204,
  stepsCompleted: 5,
  stepsTotal: 5,
  mode: 'agent',
  modelId: 'claude-sonnet-4-5',
  errorMessage: null,
  metadata: '{"region": "eu", "weights": [0.10, 12345678901234567890.5], "empty": {}}',
  steps: [
    {
      stepNumber: 1,
      stepName: 'Find the company',
      toolName: 'web_search',
      status: 'success',
      startTime: '2026-11-23T08:22:35.200000Z',
      durationMs: 3580,
      cost: '0.0272',
      result: '{"hits": 3}',
    },
    {
      stepNumber: 2,
      stepName: 'Write the summary of everything found',
      toolName: null,
      status: 'failed',
      startTime: '2026-11-23T08:22:38.900000Z',
      durationMs: null,
      cost: '0.1',
      result: null,
    },
  ],
}

/** What a working day looks like. */
export const runs: Run[] = [
  {
    ...run,
    executionId: '019ac3f4-b2c0-7d10-9c11-000000000004',
    startTime: '2026-11-23T09:26:40.000000Z',
    endTime: null,
    workflowName: '客户跟进',
    userId: 'user_12',
    status: 'running',
    durationMs: null,
    totalCost: '0.050350',
    totalTokens: 912,
    stepsCompleted: 3,
  },
  run,
  {
    ...run,
    executionId: '019ac2e0-11aa-7b3c-8d00-000000000003',
    startTime: '2026-11-23T00:05:09.999999Z',
    workflowName: 'Quarterly billing reconciliation for all regions',
    userId: 'finance-automation@example.com',
    status: 'partial',
    durationMs: 7_512_000,
    totalCost: '12.1',
    totalTokens: 4_100_250,
    stepsCompleted: 40,
    stepsTotal: 42,
    mode: 'batch',
    modelId: 'gpt-5-mini',
    errorMessage: 'two regions did not answer',
  },
  {
    ...run,
    executionId: '019abf01-0000-7b3c-8d00-000000000002',
    startTime: '2026-11-22T11:00:00.000000Z',
    workflowName: 'Ticket triage 🎫',
    status: 'failed',
    durationMs: 340,
    totalCost: '0',
    totalTokens: 0,
    stepsCompleted: 0,
    mode: null,
    modelId: null,
    metadata: null,
  },
]

/** What an attacker or an accident writes into a database. */
export const hostileRuns: Run[] = [
  {
    ...run,
    executionId: '019ac3f1-7a5e-7c01-8a1b-3f0000000002',
    workflowName: '\x1b]0;owned\x07\x1b[2J\x1b[31mred\x9b0m',
    userId: 'a\tb\nc\r\nd\re',
    modelId: '\u202egpj.exe\u2066\u2028\ufeff\ud800',
    errorMessage: '=HYPERLINK("http://evil","x")',
    metadata: '{"k\\n": "\u009b31m\u202e", "n": 123456789012345678901234567890.10, "s": "\\"\\\\"}',
    totalCost: '123456789012345678901234567890.123456789012',
    totalTokens: 9_007_199_254_740_993n,
  },
  {
    ...run,
    executionId: 'not-a-uuid',
    startTime: 'infinity',
    workflowName: '@SUM(A1), "quoted"',
    userId: ' ＝1+1',
    status: 'weird\x1b[0m',
    totalCost: '-0.50',
    totalTokens: '-3',
    mode: '-',
    modelId: '',
    errorMessage: '',
    metadata: 'not json',
  },
  {
    ...run,
    executionId: '019ac3f1-7a5e-7c01-8a1b-3f0000000001',
    workflowName: '👩‍👩‍👧 สมชาย नमस्ते 客户跟进 é 🥲',
    userId: '+49 30 1234',
    totalCost: 'NaN',
    durationMs: Number.NaN,
    startTime: "=cmd|' /C calc'!A0",
    errorMessage: null,
    metadata: '-5',
    steps: [],
  },
]

export interface Printed {
  stdout: string
  stderr: string
}

/** The output of a writer, by default to a pipe without a width. */
export async function print(
  options: Partial<OutputOptions>,
  use: (writer: Writer) => Promise<unknown>,
): Promise<Printed> {
  const printed: Printed = { stdout: '', stderr: '' }
  const stream = (name: keyof Printed) =>
    new Writable({
      decodeStrings: false,
      write(chunk, _, done) {
        printed[name] += String(chunk)
        done()
      },
    })
  const writer = createWriter({
    stdout: stream('stdout'),
    stderr: stream('stderr'),
    format: 'table',
    isTTY: false,
    width: 80,
    color: false,
    timeZone: 'Europe/Berlin',
    now: () => new Date(NOW),
    ...options,
  })
  await use(writer)
  return printed
}

export const terminal = (width: number, more: Partial<OutputOptions> = {}) => ({
  isTTY: true,
  width,
  ...more,
})
