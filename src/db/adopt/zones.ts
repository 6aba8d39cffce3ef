import { WfstoreError } from '../../error.ts'

/** The time zones in which the old application wrote its times. */
export interface LegacyZones {
  /** By 'table.column' or by 'column'. */
  columns: ReadonlyMap<string, string>
  /** For all other columns. */
  rest: string
}

/**
 * Reads 'Europe/Berlin', or 'created_at=Europe/Berlin,audit_logs.timestamp=UTC,Europe/Paris'.
 * @throws WfstoreError usage
 */
export function parseZones(text: string): LegacyZones {
  const columns = new Map<string, string>()
  const rest: string[] = []
  for (const part of text.split(',')) {
    const [left = '', zone] = part.split('=').map((word) => word.trim())
    if (zone === undefined) rest.push(left)
    else if (columns.has(left)) throw unclear(`column ${left} has two time zones`)
    else columns.set(left, zone)
  }
  if (rest.length > 1)
    throw unclear(`${rest.join(' and ')} are two time zones for the same columns`)
  return { columns, rest: rest[0] ?? 'UTC' }
}

const unclear = (message: string): WfstoreError =>
  new WfstoreError('usage', message, {
    hint: 'give one zone for each column, such as created_at=Europe/Berlin,start_time=UTC',
  })

export const zoneOf = ({ columns, rest }: LegacyZones, table: string, column: string): string =>
  columns.get(`${table}.${column}`) ?? columns.get(column) ?? rest

export const isUtc = (zone: string): boolean => /^(etc\/)?utc$/i.test(zone)

/** 'UTC', or 'UTC, created_at in Europe/Berlin' */
export const describeZones = ({ columns, rest }: LegacyZones): string =>
  [rest, ...[...columns].map(([name, zone]) => `${name} in ${zone}`)].join(', ')
