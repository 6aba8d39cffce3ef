import { WfstoreError } from '../../error.ts'
import { countOf } from '../../queries/table/validate.ts'

/** A count of a usage object, with the name of its field as the object has it. */
export interface ReportedCount {
  name: string
  count: number
}

const camelCase = (name: string) =>
  name.replace(/_(\w)/g, (_, letter: string) => letter.toUpperCase())

export const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

/** The value at a path of fields, and its name; undefined if a field of the path is missing or null. */
function valueAt(usage: object, path: string): { name: string; value: unknown } | undefined {
  let value: unknown = usage
  let name = 'usage'
  for (const part of path.split('.')) {
    if (value === undefined || value === null) return undefined
    if (!isObject(value)) throw new WfstoreError('usage', `${name} is not an object`)
    const key = [part, camelCase(part)].find((one) => one in (value as object))
    if (key === undefined) return undefined
    name = `${name}.${key}`
    value = value[key]
  }
  return { name, value }
}

/** Whether the object has a field, even if its value is null or undefined. */
export function hasField(usage: object, path: string): boolean {
  const [first = '', ...rest] = path.split('.')
  const key = [first, camelCase(first)].find((one) => one in usage)
  if (key === undefined || rest.length === 0) return key !== undefined
  const inner = (usage as Record<string, unknown>)[key]
  return isObject(inner) && hasField(inner, rest.join('.'))
}

/**
 * The first of these fields that is reported.
 * @param missing a value that means "not reported", in addition to null and undefined
 * @throws WfstoreError usage if its value is no count
 */
export function fieldOf(
  usage: object,
  paths: readonly string[] = [],
  missing?: number,
): ReportedCount | undefined {
  for (const path of paths) {
    const found = valueAt(usage, path)
    if (found === undefined || (missing !== undefined && Object.is(found.value, missing))) continue
    const count = countOf(found.name, found.value as number | undefined)
    if (count !== null) return { name: found.name, count }
  }
  return undefined
}

/** The sum of the fields that are reported. */
export const sumOf = (...fields: (ReportedCount | undefined)[]): number =>
  fields.reduce((sum, field) => sum + (field?.count ?? 0), 0)

/**
 * A count without those that it includes.
 * @throws WfstoreError usage if the parts are larger than the whole
 */
export function without(whole: ReportedCount, ...parts: (ReportedCount | undefined)[]): number {
  const rest = whole.count - sumOf(...parts)
  if (rest >= 0) return rest
  const larger = parts.flatMap((part) => (part === undefined || part.count === 0 ? [] : [part]))
  const names = larger.map(({ name }) => name).join(' and ')
  const counts = larger.map(({ count }) => count).join(' and ')
  throw new WfstoreError(
    'usage',
    `${names} ${larger.length > 1 ? 'are' : 'is'} ${counts}, more than ${whole.name}, which is ${whole.count}`,
    {
      hint: `pass the provider whose API returned this usage: here ${whole.name} includes ${names}`,
    },
  )
}
