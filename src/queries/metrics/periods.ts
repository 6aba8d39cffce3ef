/** The lengths of a metric's buckets, shortest first. A week begins on Monday. */
export const PERIODS = ['hour', 'day', 'week', 'month'] as const
export type Period = (typeof PERIODS)[number]
