import { randomBytes } from 'node:crypto'
import * as fs from 'node:fs'
import { hostname } from 'node:os'

/** Who holds a lock, as its file says it. What the system does not tell is ''. */
export interface Holder {
  host: string
  /** Changes when the host starts again. */
  boot: string
  /** In every container the first process has the id 1. */
  pidNamespace: string
  pid: number
  /** When the process started, in ticks since the host started. A process that gets the id later has another one. */
  started: string
  /** Of this lock only. */
  token: string
}

export type HolderState = 'live' | 'dead' | 'unknown'

export const random = () => randomBytes(8).toString('hex')

let ownTag: string | undefined

/**
 * Names this process in lock files and in the names of its temporary files. The process id alone could also be that of
 * an earlier process: in a container the first process always has id 1. It is made when used: commands load this file
 * but most of them need no random bytes, which take a millisecond to load.
 */
export function processTag(): string {
  ownTag ??= `${process.pid}-${random()}`
  return ownTag
}

/** Whether the process of this tag still runs. A text without a process id counts as one that runs. */
export function isLive(tag: string): boolean {
  const pid = Number.parseInt(tag, 10)
  if (!(pid > 0)) return true
  return pid === process.pid ? tag.startsWith(processTag()) : alive(pid)
}

export function alive(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM'
  }
}

const orNothing = (read: () => string): string => {
  try {
    return read().trim()
  } catch {
    return ''
  }
}

/** The state and the start time of a process, from /proc. The name before them may contain spaces and brackets. */
function processOf(pid: number): { ended: boolean; started: string } {
  const text = orNothing(() => fs.readFileSync(`/proc/${pid}/stat`, 'utf8'))
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ')
  return { ended: /^[ZX]/.test(fields[0] ?? ''), started: fields[19] ?? '' }
}

let self: Omit<Holder, 'token'> | undefined

function ownProcess(): Omit<Holder, 'token'> {
  self ??= {
    host: hostname(),
    boot: orNothing(() => fs.readFileSync('/proc/sys/kernel/random/boot_id', 'utf8')),
    pidNamespace: orNothing(() => fs.readlinkSync('/proc/self/ns/pid')),
    pid: process.pid,
    started: processOf(process.pid).started,
  }
  return self
}

/** A new holder in this process. */
export const newHolder = (): Holder => ({
  ...ownProcess(),
  token: `${processTag()}-${random()}`,
})

/** @returns undefined if the text is not of a holder, for example because it is empty */
export function parseHolder(text: string): Holder | undefined {
  try {
    const holder = JSON.parse(text) as Holder
    return holder.pid > 0 && typeof holder.token === 'string' ? holder : undefined
  } catch {
    return undefined
  }
}

/** Whether the holder still runs, as far as this process can know: it cannot look into other hosts and containers. */
export function stateOf(holder: Holder | undefined): HolderState {
  const own = ownProcess()
  if (holder === undefined || holder.host !== own.host) return 'unknown'
  if (holder.boot !== own.boot) return holder.boot && own.boot ? 'dead' : 'unknown'
  if (holder.pidNamespace !== own.pidNamespace) return 'unknown'
  if (!alive(holder.pid)) return 'dead'
  const { ended, started } = processOf(holder.pid)
  if (ended) return 'dead'
  if (!started || !holder.started) return 'unknown'
  return started === holder.started ? 'live' : 'dead'
}
