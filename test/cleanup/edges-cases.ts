import type { RunSeed } from './cleanup-support.ts'

export const CUTOFF = '2024-06-01T12:00:00.000001Z'
export const [BEFORE, AT, AFTER] = [
  '2024-06-01T12:00:00.000000Z',
  CUTOFF,
  '2024-06-01T12:00:00.000002Z',
]
export const [HOUR_BEFORE, YEAR_BEFORE] = ['2024-06-01T11:00:00Z', '2023-06-01T12:00:00Z']
const ENDED = ['success', 'failed', 'partial', 'cancelled']

export type Case = Omit<RunSeed, 'id'> & { goes: boolean }

export const FAR = '294276-12-31Z'

export const CASES: Case[] = [
  ...ENDED.flatMap((status): Case[] => [
    {
      label: `${status}, ended a microsecond before`,
      status,
      start: HOUR_BEFORE,
      end: BEFORE,
      goes: true,
    },
    { label: `${status}, ended at the cutoff`, status, start: HOUR_BEFORE, end: AT, goes: false },
    { label: `${status}, ended after it`, status, start: HOUR_BEFORE, end: AFTER, goes: false },
    { label: `${status}, without an end time`, status, start: HOUR_BEFORE, goes: true },
  ]),
  { label: 'began and ended in the microsecond before', start: BEFORE, end: BEFORE, goes: true },
  { label: 'began and ended at the cutoff', start: AT, end: AT, goes: false },
  { label: 'began and ended after it', start: AFTER, end: '2024-07-01Z', goes: false },
  {
    label: 'began before and ended a month after it',
    start: YEAR_BEFORE,
    end: '2024-07-01Z',
    goes: false,
  },
  { label: 'ended before it began, at the cutoff', start: AT, end: BEFORE, goes: false },
  {
    label: 'ended before it began, before the cutoff',
    start: BEFORE,
    end: YEAR_BEFORE,
    goes: true,
  },
  { label: 'running for a year', status: 'running', start: YEAR_BEFORE, goes: false },
  {
    label: 'running with an end time',
    status: 'running',
    start: YEAR_BEFORE,
    end: HOUR_BEFORE,
    goes: false,
  },
  // Without an end time it had ended by the time it was last written.
  { label: 'over, last written before', start: YEAR_BEFORE, updated: BEFORE, goes: true },
  { label: 'over, last written at the cutoff', start: YEAR_BEFORE, updated: AT, goes: false },
  {
    label: 'over, made at the cutoff',
    start: YEAR_BEFORE,
    created: AT,
    updated: BEFORE,
    goes: false,
  },
  {
    label: 'over, made before, never written',
    start: YEAR_BEFORE,
    created: BEFORE,
    updated: null,
    goes: true,
  },
  {
    label: 'over, made after, never written',
    start: YEAR_BEFORE,
    created: AFTER,
    updated: null,
    goes: false,
  },
  {
    label: 'over, began before, never made or written',
    start: BEFORE,
    created: null,
    updated: null,
    goes: true,
  },
  {
    label: 'over, began at the cutoff, nothing else',
    start: AT,
    created: null,
    updated: null,
    goes: false,
  },
  {
    label: 'ended before, written long after',
    start: HOUR_BEFORE,
    end: BEFORE,
    updated: '2024-07-01Z',
    goes: true,
  },
  { label: 'ended before, without steps', start: HOUR_BEFORE, end: BEFORE, steps: 0, goes: true },
  { label: 'ends in the far future', start: HOUR_BEFORE, end: FAR, goes: false },
]
const STEPS = 2
export const stepsOf = ({ steps = STEPS }: { steps?: number }) => steps
