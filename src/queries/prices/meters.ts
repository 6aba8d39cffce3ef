import { columnOf } from '../../tables/column.ts'

/** What has a price: a million tokens of a class, or a request. */
export const METERS = [
  'input',
  'output',
  'cacheRead',
  'cacheWrite',
  'reasoning',
  'request',
] as const
export type PriceMeter = (typeof METERS)[number]

/** The meter as the database has it: cache_read. */
export const meterName = (meter: PriceMeter): string => columnOf(meter)
