/**
 * Sample data: users, workflows, models and failures of the 90 days before the current day (UTC), and a few runs of the
 * last minutes. On one day each demo has the same finished runs, with the same ids. PostgreSQL computes costs from tokens
 * and prices, and totals of runs and bills from their steps, as the recorder does.
 */
const DAYS = 90
/** A value above 1 means more runs towards the end, as for a growing product. */
const GROWTH = 1.6
const RUNS = 400
/** All finished runs end before the current day. The longest takes less than this. */
const LAST_END = 60_000
/** The unfinished runs began this many minutes before `now`: none of them looks stuck. */
const IN_PROGRESS = [0.2, 1, 2]
const SEED = 0.4242

/** US dollars per million tokens: input, output, cache read. Invented, but of a realistic size. */
export const MODELS = [
  { id: 'claude-sonnet-4', input: '3.00', output: '15.00', cache: '0.30', weight: 5 },
  { id: 'gpt-4o', input: '2.50', output: '10.00', cache: '1.25', weight: 4 },
  { id: 'gpt-4o-mini', input: '0.15', output: '0.60', cache: '0.075', weight: 4 },
  { id: 'llama-3.3-70b', input: '0.59', output: '0.79', cache: '0.59', weight: 2 },
]

const WORKFLOWS = [
  {
    name: 'Lead enrichment',
    mode: 'Sales',
    tools: ['hubspot_get_contacts', 'web_search', null, 'hubspot_update_contact'],
    weight: 6,
  },
  {
    name: 'Process sales data',
    mode: 'Sales',
    tools: ['warehouse_query', null, 'sheets_append'],
    weight: 4,
  },
  {
    name: 'Campaign brief',
    mode: 'Marketing',
    tools: ['web_search', 'web_search', null, null, 'docs_create'],
    weight: 3,
  },
  { name: 'Kundenanalyse Süd', mode: 'Marketing', tools: ['warehouse_query', null], weight: 2 },
  {
    name: '客户跟进',
    mode: 'Sales',
    tools: ['hubspot_get_contacts', null, 'gmail_send'],
    weight: 2,
  },
  {
    name: 'Weekly KPI digest',
    mode: 'Admin',
    tools: ['warehouse_query', 'warehouse_query', null, 'gmail_send'],
    weight: 3,
  },
  {
    name: 'Contract review',
    mode: 'Admin',
    tools: ['drive_read', null, null, null, null, 'docs_create'],
    weight: 1,
  },
]

/** The project of a workflow. Runs of the others have no such tag. */
const PROJECTS: Record<string, string> = {
  'Lead enrichment': 'crm',
  'Process sales data': 'crm',
  客户跟进: 'crm',
  'Campaign brief': 'launch',
}
const TEAMS = ['north', 'south', 'west']
/** The newest runs of a user belong to sessions of this many runs. */
const SESSION = { user: 'user_7', runs: 3, count: 2 }
/** The newest run of this workflow has started the next two runs. */
const PARENT = 'Campaign brief'

const ERRORS = [
  '429 Rate limit reached: limit 30000 tokens per minute, used 29871',
  'ETIMEDOUT: the tool did not answer within 30 s',
  '401 token expired',
  'Unexpected token < in JSON at position 0',
  'context length exceeded: 131072 tokens at most',
]

const USERS = ['user_7', 'user_3', 'user_12', 'user_1', 'user_9', 'user_4', 'user_15', 'user_2']

export interface DemoStep {
  run: string
  id: string
  step: number
  tool: string | null
  status: string
  start: string | null
  end: string | null
  input: number | null
  output: number | null
  cache: number | null
  error: string | null
  retries: number
}

export interface DemoRun {
  run: string
  workflow: string
  mode: string
  user: string
  model: string
  start: string
  end: string | null
  status: string
  total: number
  error: string | null
  tags: Record<string, string>
  session: string | null
  parent: string | null
}

const DAY = 86_400_000

export function makeHistory(now: Date): { runs: DemoRun[]; steps: DemoStep[] } {
  const random = generator(SEED)
  const history = { runs: [] as DemoRun[], steps: [] as DemoStep[] }
  const ages = Array.from({ length: RUNS }, () => random() ** GROWTH * DAYS * DAY).sort(
    (a, b) => a - b,
  )
  const midnight = Math.floor(now.getTime() / DAY) * DAY
  for (const [index, age] of ages.entries()) {
    const minutes = IN_PROGRESS[index]
    const isRunning = minutes !== undefined
    const start = isRunning ? now.getTime() - minutes * 60_000 : midnight - age - LAST_END
    addRun(history, isRunning, Math.floor(start), random)
  }
  addFamilies(history.runs.filter(({ status }) => status !== 'running'))
  return history
}

/** @param runs the finished ones, newest first */
function addFamilies(runs: readonly DemoRun[]): void {
  const ofUser = runs.filter(({ user }) => user === SESSION.user)
  for (const [index, run] of ofUser.slice(0, SESSION.runs * SESSION.count).entries())
    run.session = `chat-${SESSION.count - Math.floor(index / SESSION.runs)}`
  const place = runs.findIndex(({ workflow }, index) => index > 1 && workflow === PARENT)
  for (const run of runs.slice(Math.max(place - 2, 0), place)) run.parent = runs[place]?.run ?? null
}

function addRun(
  history: { runs: DemoRun[]; steps: DemoStep[] },
  inProgress: boolean,
  start: number,
  random: () => number,
): void {
  const run = idOf(start, random)
  const workflow = choose(WORKFLOWS, ({ weight }) => weight, random)
  const model = choose(MODELS, ({ weight }) => weight, random)
  const user = choose(USERS, (_, index) => 1 / (index + 1), random)
  const fate = inProgress
    ? 'running'
    : choose(
        ['success', 'failed', 'partial', 'cancelled'],
        (_, i) => [84, 8, 5, 3][i] as number,
        random,
      )
  const stops = fate === 'success' ? -1 : Math.floor(random() * workflow.tools.length)
  let at = start
  let failure: string | null = null
  for (const [index, tool] of workflow.tools.entries()) {
    const last = index === stops
    if (stops >= 0 && index > stops && fate !== 'partial') {
      history.steps.push({
        ...NOT_RUN,
        run,
        id: idOf(at, random),
        step: index + 1,
        tool,
        status: fate === 'running' ? 'pending' : 'skipped',
      })
      continue
    }
    const took = Math.round((tool ? 600 : 2500) * (0.4 + 2 * random() ** 3) + 40)
    const failed = last && (fate === 'failed' || fate === 'partial')
    const error = failed ? (ERRORS[Math.floor(random() * ERRORS.length)] as string) : null
    failure ??= error
    const busy = last && fate === 'running'
    const tokens = busy ? { input: null, output: null, cache: null } : makeTokens(tool, random)
    const end = busy ? null : iso(at + took)
    const status = busy
      ? 'running'
      : failed
        ? 'failed'
        : last && fate === 'cancelled'
          ? 'skipped'
          : 'success'
    const retries = random() < 0.06 ? 1 : 0
    history.steps.push({
      run,
      id: idOf(at, random),
      step: index + 1,
      tool,
      status,
      start: iso(at),
      end,
      ...tokens,
      error,
      retries,
    })
    at += took + Math.round(20 + 200 * random())
  }
  history.runs.push({
    run,
    workflow: workflow.name,
    mode: workflow.mode,
    user,
    model: model.id,
    start: iso(start),
    end: fate === 'running' ? null : iso(at),
    status: fate,
    total: workflow.tools.length,
    error: fate === 'cancelled' ? 'cancelled by user' : failure,
    tags: tagsOf(user, workflow.name),
    session: null,
    parent: null,
  })
}

function tagsOf(user: string, workflow: string): Record<string, string> {
  const team = TEAMS[USERS.indexOf(user) % TEAMS.length] as string
  const project = PROJECTS[workflow]
  return project === undefined ? { team } : { team, project }
}

const NOT_RUN = {
  start: null,
  end: null,
  input: null,
  output: null,
  cache: null,
  error: null,
  retries: 0,
}

function makeTokens(tool: string | null, random: () => number) {
  const size = tool ? 0.3 : 1
  return {
    input: Math.round(size * (400 + 6000 * random() ** 2)),
    output: Math.round(size * (80 + 1500 * random() ** 2)),
    cache: random() < 0.5 ? Math.round(size * 8000 * random()) : 0,
  }
}

/** A UUIDv7 whose random bits come from the seed. */
function idOf(unixMs: number, random: () => number): string {
  const digits = (count: number) =>
    Math.floor(random() * 16 ** count)
      .toString(16)
      .padStart(count, '0')
  const time = unixMs.toString(16).padStart(12, '0')
  return `${time.slice(0, 8)}-${time.slice(8)}-7${digits(3)}-8${digits(3)}-${digits(6)}${digits(6)}`
}

const iso = (ms: number): string => new Date(ms).toISOString()

function choose<T>(
  from: readonly T[],
  weight: (item: T, index: number) => number,
  random: () => number,
): T {
  const weights = from.map(weight)
  let left = random() * weights.reduce((sum, one) => sum + one, 0)
  const index = weights.findIndex((one) => {
    left -= one
    return left < 0
  })
  return from[Math.max(index, 0)] as T
}

/** Park and Miller's minimal standard generator (CACM 31/10, 1988): the same history every time. */
function generator(seed: number): () => number {
  let state = Math.floor(seed * 2_147_483_646) + 1
  return () => {
    state = (state * 48_271) % 2_147_483_647
    return state / 2_147_483_647
  }
}
