import { PassThrough, Readable, Writable } from 'node:stream'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { Context } from '../../../../src/cli/context.ts'
import type { Io } from '../../../../src/cli/io.ts'
import { watch } from '../../../../src/cli/terminal/watch.ts'
import { WfstoreError } from '../../../../src/error.ts'
import { type CliOptions, runCli } from '../../../support/cli.ts'
import type { TestDatabase } from '../../../support/database.ts'
import { createMigrated } from '../../../support/migrated.ts'

const ENTER = '\x1b[?1049h'
const LEAVE = '\x1b[?1049l'
const SHOW_CURSOR = '\x1b[?25h'
/** Of the clock that tells of a slow frame. */
const TICK_MS = 500
const untilAborted = (signal: AbortSignal) =>
  new Promise<void>((_, reject) => signal.addEventListener('abort', () => reject(signal.reason)))

describe('executions list and running --watch', () => {
  let database: TestDatabase
  beforeAll(async () => {
    database = await createMigrated('watch')
    await database.sql(
      `insert into workflow_executions (workflow_name, user_id, mode, model_id, status, start_time, created_at)
       select '客户跟进 ' || n, 'user_7', 'm', 'x', 'running', timestamptz '2026-11-26 11:00Z' + n * interval '1 s', now()
       from generate_series(1, 50) n`,
    )
  })
  afterAll(() => database.drop())

  /** Calls it, and interrupts it in its nth wait between frames. */
  const interrupted = async (argv: string[], waits: number, options: CliOptions = {}) => {
    const interruption = new AbortController()
    let left = waits
    const result = await runCli(
      ['executions', ...argv, '--color', 'never', '--database-url', database.url],
      {
        terminal: 80,
        signal: interruption.signal,
        sleep: async (ms, signal) => {
          if (ms === 1000)
            return new Promise((_, reject) => signal.addEventListener('abort', reject))
          expect(ms).toBe(5000)
          if (--left === 0) interruption.abort('SIGINT')
        },
        ...options,
      },
    )
    return { ...result, waits: waits - left }
  }

  it('draws over the last frame until interrupted, and leaves it with the cursor below', async () => {
    const { code, stdout, stderr, waits } = await interrupted(['running', '--watch', '5'], 3)
    expect([code, stderr, waits]).toEqual([130, '', 3])
    expect(stdout.startsWith(ENTER)).toBe(true)
    const [frames = '', after, ...more] = stdout.split(LEAVE)
    expect(more).toEqual([])
    const heads = [...frames.matchAll(/(13:00:\d\d) Europe\/Berlin, every 5 s, Ctrl-C to stop/g)]
    expect(heads.map(([, time]) => time)).toEqual(['13:00:00', '13:00:05', '13:00:10'])
    expect(frames).not.toContain('\x1b[2J')
    expect(
      after?.startsWith('\x1b[0m13:00:10 Europe/Berlin, every 5 s, Ctrl-C to stop\n\nID '),
    ).toBe(true)
    expect(after).toContain('客户跟进 1 ')
    expect(after?.endsWith(`\n${SHOW_CURSOR}`)).toBe(true)
  })

  it('shows how many rows a low terminal cuts off', async () => {
    const { stdout } = await interrupted(['list', '--watch', '5', '--limit', '50'], 1, { rows: 12 })
    const left = stdout.split(LEAVE)[1]?.split('\n') ?? []
    expect(left).toHaveLength(12)
    expect(left[10]).toContain('… 45 more lines do not fit this terminal')
  })

  it('continues after the server ends its connection', async () => {
    const interruption = new AbortController()
    const waits: number[] = []
    const { code, stdout, stderr } = await runCli(
      ['executions', 'list', '--watch', '5', '--database-url', database.url],
      {
        terminal: 80,
        signal: interruption.signal,
        sleep: async (ms, signal) => {
          if (ms === TICK_MS) return untilAborted(signal)
          waits.push(ms)
          if (waits.length === 1)
            await database.sql(
              `select pg_terminate_backend(pid, 5000) from pg_stat_activity
               where datname = current_database() and application_name = 'wfstore executions list'`,
            )
          if (waits.length === 3) interruption.abort('SIGINT')
        },
      },
    )
    expect([code, stderr, waits]).toEqual([130, '', [5000, 1000, 5000]])
    expect(stdout.split('reconnecting…')).toHaveLength(2)
    expect(stdout.split(LEAVE)[1]).not.toContain('reconnecting')
  })

  it('a usage error is a plain error, on a restored terminal', async () => {
    const result = await interrupted(['list', '--watch', '5', '--since', 'soon'], 1)
    expect(result).toMatchObject({ code: 2, stdout: '' })
    expect(result.stderr).toMatch(/^error: --since "soon" is not a valid time/)
  })
})

describe('a frame', () => {
  interface Step {
    text?: string
    error?: WfstoreError
    never?: boolean
  }
  /** Draws these frames on a terminal; each wait is given to `onWait`, and the last of them is interrupted. */
  const drawn = async (
    steps: Step[],
    onWait: (wait: { ms: number; io: Io; resize: (columns: number) => void }) => void = () => {},
    ticks: (signal: AbortSignal) => Promise<void> = untilAborted,
    seconds: () => number = () => 0,
  ) => {
    let output = ''
    const stdout = Object.assign(
      new Writable({
        decodeStrings: false,
        write: (chunk, _, done) => {
          output += String(chunk)
          done()
        },
      }),
      { isTTY: true, columns: 20, rows: 10 },
    )
    const interruption = new AbortController()
    const ticked = new AbortController()
    let leftAtOnce = false
    let next = 0
    let opened = 0
    const io: Io = {
      stdin: Readable.from([]),
      stdout,
      stderr: new PassThrough(),
      now: () => new Date(Date.parse('2026-11-23T10:00:00Z') + seconds() * 1000),
      sleep: async (ms, signal) => {
        if (ms === TICK_MS)
          return ticks(signal).catch((error) => {
            ticked.abort()
            throw error
          })
        onWait({
          ms,
          io,
          resize: (columns) => {
            stdout.columns = columns
            stdout.emit('resize')
          },
        })
        if (signal.aborted) throw new Error('aborted')
        if (next === steps.length) interruption.abort('SIGINT')
      },
      cwd: '/',
      timeZone: 'UTC',
      signal: interruption.signal,
    }
    const context = {
      io,
      env: {},
      settings: () => ({}),
      frame: async () => {
        const { text = '', error, never } = steps[next++] as Step
        if (error) throw error
        if (never) {
          await untilAborted(ticked.signal).catch(() => {})
          interruption.abort('SIGINT')
          leftAtOnce = output.endsWith(SHOW_CURSOR)
          throw new Error('cancelled')
        }
        return text
      },
      production: () => undefined,
    } as unknown as Context
    const failure = await watch(
      context,
      { color: 'never' },
      {
        open: async () => ++opened,
        draw: async () => {},
      },
    ).catch((error: unknown) => error)
    return { output, opened, failure, listeners: stdout.listenerCount('resize'), leftAtOnce }
  }
  const joined = (frame: string) => frame.replaceAll('\x1b[K', '').replaceAll('\r\n', '')
  const lost = new WfstoreError('unreachable', 'the server\x1b[2J closed it')

  it('is sent in one piece, so terminals can show it at once', async () => {
    const { output } = await drawn([{ text: 'one\ntwo\n' }])
    expect(output).toBe(
      `${ENTER}\x1b[?2026h\x1b[?25l\x1b[H10:00:00 UTC, every\x1b[K\r\n2 s, Ctrl-C to stop\x1b[K\r\n\x1b[K\r\none\x1b[K\r\ntwo\x1b[K\r\n\x1b[J\x1b[?2026l` +
        `\x1b[?2026l${LEAVE}\x1b[0m10:00:00 UTC, every\n2 s, Ctrl-C to stop\n\none\ntwo\n${SHOW_CURSOR}`,
    )
  })

  it('never has more rows than the terminal, for lines of any length', async () => {
    const { output } = await drawn([{ text: `${'客'.repeat(400)}\nlast\n` }])
    const [frame = ''] = output.split(LEAVE)
    expect(frame.split('\r\n')).toHaveLength(10)
    expect(frame).toContain('… 36 more lines do not fit this terminal')
  })

  it('of a lost connection is the last one, and the wait for the next attempt grows to half a minute', async () => {
    const waits: number[] = []
    const steps = [{ text: 'kept' }, ...Array<Step>(7).fill({ error: lost }), { text: 'new' }]
    const { output, opened } = await drawn(steps, ({ ms }) => waits.push(ms))
    expect(waits).toEqual([2000, 1000, 2000, 4000, 8000, 16_000, 30_000, 30_000, 2000])
    expect(opened).toBe(8)
    const frames = output.split('\x1b[H').map(joined)
    expect(frames[2]).toContain('stop;reconnecting…')
    expect(frames[2]).toContain('the server\\x1b[2J c…')
    expect(frames[2]).toContain('kept')
    expect(frames.at(-1)).toMatch(/new/)
  })

  it('that fails first, or later for another reason, ends the command with a restored terminal', async () => {
    const first = await drawn([{ error: lost }])
    expect(first).toMatchObject({ output: '', failure: lost, listeners: 0 })
    const other = new WfstoreError('failed', 'something else')
    const later = await drawn([{ text: 'kept' }, { error: other }])
    expect(later).toMatchObject({ failure: other, listeners: 0 })
    expect(later.output.endsWith(`kept\n${SHOW_CURSOR}`)).toBe(true)
  })

  it('is drawn again at once when the terminal changes its size', async () => {
    let first = true
    const { output, listeners } = await drawn([{ text: 'one' }, { text: 'two' }], ({ resize }) => {
      if (first) resize(80)
      first = false
    })
    expect(output).toContain('10:00:00 UTC, every 2 s, Ctrl-C to stop\x1b[K\r\n\x1b[K\r\ntwo')
    expect(listeners).toBe(0)
  })

  it('that is slow keeps the last one, with the time since then', async () => {
    let seconds = 0
    const { output, leftAtOnce } = await drawn(
      [{ text: 'kept' }, { never: true }],
      () => {},
      async (signal) => {
        // The first frame is drawn before any interruption.
        seconds += 1
        if (seconds === 4) throw new Error('no more ticks')
        if (signal.aborted) throw signal.reason
      },
      () => seconds,
    )
    const frames = output.split('\x1b[H').map(joined)
    expect(frames.map((frame) => /answer \(\ds\)/.exec(frame)?.[0])).toEqual([
      undefined,
      undefined,
      'answer (1s)',
      'answer (2s)',
      'answer (3s)',
    ])
    expect(frames.at(-1)).toContain('kept')
    // An interruption does not wait for the answer.
    expect(leftAtOnce).toBe(true)
  })
})
