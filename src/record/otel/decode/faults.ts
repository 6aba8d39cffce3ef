/** What is wrong with the span that is being decoded. Functions note it here, because an exception for each span is slow. */
export interface Faults {
  reason: string | undefined
}

export const WRONG_TYPE = 'a field has a wrong type'

/** Notes the first fault. */
export function note(faults: Faults, reason: string): void {
  faults.reason ??= reason
}

/** An object of JSON; undefined if the value is something else. */
export const objectOf = (value: unknown): Record<string, unknown> | undefined =>
  typeof value === 'object' && value !== null && !Array.isArray(value)
    ? (value as Record<string, unknown>)
    : undefined

/** An array, or the empty one for a field that is absent; undefined if the value is something else. */
export function arrayOf(value: unknown): readonly unknown[] | undefined {
  if (value === undefined || value === null) return []
  return Array.isArray(value) ? value : undefined
}

/** The fields of an object; none if it is absent. */
export function fieldsOf(value: unknown, faults: Faults): Record<string, unknown> {
  if (value === undefined || value === null) return {}
  const fields = objectOf(value)
  if (fields === undefined) note(faults, WRONG_TYPE)
  return fields ?? {}
}

/** The objects of a list; none if it is absent. */
export function entriesOf(value: unknown, faults: Faults): readonly Record<string, unknown>[] {
  return listOf(value, faults).map((entry) => fieldsOf(entry, faults))
}

export function listOf(value: unknown, faults: Faults): readonly unknown[] {
  const list = arrayOf(value)
  if (list === undefined) note(faults, WRONG_TYPE)
  return list ?? []
}
