import { formatNumber } from '../numbers.ts'
import type { CleanupCounts } from './types.ts'

/** 'the cleanup would remove 5 of 6 runs, even …'; undefined if it keeps the newest finished run. */
export function newestRunWords({ newestRun, remove, remain }: CleanupCounts): string | undefined {
  if (newestRun === null) return undefined
  const { startTime, serverTime } = newestRun
  const all = remain === null ? '' : ` of ${formatNumber(remove.execution + remain.execution)}`
  return `the cleanup would remove ${formatNumber(remove.execution)}${all} runs, even the newest finished one, which started at ${toSecond(startTime)}; the clock of the server is at ${toSecond(serverTime)}`
}

const toSecond = (time: string): string => time.replace(/\.\d+Z$/, 'Z')
