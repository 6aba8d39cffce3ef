/** How a column of a Parquet file holds its values. `text` takes every value, `raw` the JSON of every value. */
export type Stored =
  | 'text'
  | 'raw'
  | 'json'
  | 'uuid'
  | 'boolean'
  | 'int32'
  | 'int64'
  | 'double'
  | 'time'
  | 'decimal'

/** A value as the libraries for Parquet take it and give it. */
export type ParquetValue = string | Uint8Array | boolean | number | bigint

/** The type that fits a type of PostgreSQL, as format_type names it. */
export function storedFor(type: string): Stored {
  const [name = ''] = type.split('(')
  if (name === 'numeric') return 'decimal'
  if (/^timestamp\b.*with time zone$/.test(type)) return 'time'
  return TYPES[name] ?? 'text'
}

const TYPES: Record<string, Stored> = {
  uuid: 'uuid',
  boolean: 'boolean',
  smallint: 'int32',
  integer: 'int32',
  bigint: 'int64',
  real: 'double',
  'double precision': 'double',
  json: 'json',
  jsonb: 'json',
}

/** The type in a Parquet file. */
export function elementOf(stored: Stored, scale: number) {
  if (stored === 'boolean') return { type: 'BOOLEAN' } as const
  if (stored === 'int32') return { type: 'INT32' } as const
  if (stored === 'int64') return { type: 'INT64' } as const
  if (stored === 'double') return { type: 'DOUBLE' } as const
  if (stored === 'text') return { type: 'BYTE_ARRAY', converted_type: 'UTF8' } as const
  if (stored === 'json' || stored === 'raw')
    return { type: 'BYTE_ARRAY', logical_type: { type: 'JSON' } } as const
  if (stored === 'uuid')
    return {
      type: 'FIXED_LEN_BYTE_ARRAY',
      type_length: 16,
      logical_type: { type: 'UUID' },
    } as const
  if (stored === 'time')
    return {
      type: 'INT64',
      converted_type: 'TIMESTAMP_MICROS',
      logical_type: { type: 'TIMESTAMP', isAdjustedToUTC: true, unit: 'MICROS' },
    } as const
  return {
    type: 'FIXED_LEN_BYTE_ARRAY',
    type_length: DECIMAL_BYTES,
    converted_type: 'DECIMAL',
    precision: MOST_DIGITS,
    scale,
  } as const
}

const DECIMAL_BYTES = 16
/** A decimal of 16 bytes holds every number of 38 digits. */
export const MOST_DIGITS = 38

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/
/** As a line has it, or as PostgreSQL writes it in UTC. */
const TIME = /^(\d{4}-\d\d-\d\d)[T ](\d\d:\d\d:\d\d)(?:\.(\d{1,6}))?(?:Z|\+00)$/
const WHOLE = /^-?\d{1,19}$/
const NUMBER = /^-?(?:\d+\.?\d*(?:e[+-]?\d+)?|Infinity)$|^NaN$/
export const DECIMAL = /^(-?)(\d+)(?:\.(\d+))?$/

const whole = (text: string, bits: number): bigint | undefined => {
  const value = WHOLE.test(text) ? BigInt(text) : undefined
  return value !== undefined && BigInt.asIntN(bits, value) === value ? value : undefined
}

/** The value; undefined where the type has none that is exactly this. */
export function encode(stored: Stored, text: string, scale: number): ParquetValue | undefined {
  if (stored === 'text') return text
  if (stored === 'json' || stored === 'raw') return Buffer.from(text)
  if (stored === 'uuid')
    return UUID.test(text) ? Buffer.from(text.replaceAll('-', ''), 'hex') : undefined
  if (stored === 'boolean') return BOOLEANS[text]
  if (stored === 'int32') {
    const value = whole(text, 32)
    return value === undefined ? undefined : Number(value)
  }
  if (stored === 'int64') return whole(text, 64)
  if (stored === 'double') return NUMBER.test(text) ? Number(text) : undefined
  if (stored === 'time') {
    const [, date, time, fraction = ''] = TIME.exec(text) ?? []
    const seconds = Date.parse(`${date}T${time}Z`)
    if (Number.isNaN(seconds)) return undefined
    return BigInt(seconds) * 1000n + BigInt(fraction.padEnd(6, '0'))
  }
  const [, sign, digits = '', fraction = ''] = DECIMAL.exec(text) ?? []
  if (sign === undefined || /[^0]/.test(fraction.slice(scale))) return undefined
  const unscaled = digits + fraction.slice(0, scale).padEnd(scale, '0')
  if (unscaled.replace(/^0+/, '').length > MOST_DIGITS) return undefined
  return BigInt(`${sign}${unscaled}`)
}

const BOOLEANS: Record<string, boolean> = { true: true, t: true, false: false, f: false }

/**
 * The text of a value. Of several texts of the same value it is the usual one.
 * @param extra the value is of a column of an application, which a line has as PostgreSQL writes it
 * @param padded amounts have all digits of their scale
 */
export function decode(
  stored: Stored,
  value: ParquetValue,
  { extra, scale, padded }: { extra: boolean; scale: number; padded: boolean },
): string {
  if (stored === 'boolean') return extra ? (value ? 't' : 'f') : String(value)
  if (stored === 'time') return timeText(value as bigint, extra)
  if (stored === 'decimal') return decimalText(value as bigint, scale, padded)
  return String(value)
}

export function timeText(micros: bigint, extra: boolean): string {
  const fraction = ((micros % 1_000_000n) + 1_000_000n) % 1_000_000n
  const seconds = new Date(Number((micros - fraction) / 1000n)).toISOString().slice(0, 19)
  const digits = String(fraction).padStart(6, '0')
  if (!extra) return `${seconds}.${digits}Z`
  return `${seconds.replace('T', ' ')}${`.${digits}`.replace(/\.?0+$/, '')}+00`
}

function decimalText(unscaled: bigint, scale: number, padded: boolean): string {
  const sign = unscaled < 0n ? '-' : ''
  const digits = String(unscaled < 0n ? -unscaled : unscaled).padStart(scale + 1, '0')
  if (scale === 0) return sign + digits
  const fraction = digits.slice(-scale)
  const text = `${sign}${digits.slice(0, -scale)}.${fraction}`
  return padded ? text : text.replace(/\.?0+$/, '')
}

/** A decimal of a file has its bytes: the library would round it. */
export const unscaledOf = (bytes: Uint8Array): bigint =>
  BigInt.asIntN(8 * DECIMAL_BYTES, BigInt(`0x${Buffer.from(bytes).toString('hex')}`))
