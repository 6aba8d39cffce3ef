import { hash } from 'node:crypto'

/**
 * The id of a row that exists only once, such as the bill of a run or the audit entry for the end of an attempt. It is
 * derived from the name of the row (a UUIDv8 of RFC 9562), so that a repeated call finds the existing row.
 */
export function derivedId(...parts: (string | number)[]): string {
  const hex = hash('sha256', `wfstore\n${parts.join('\n')}`)
  const version = `8${hex.slice(13, 16)}`
  const variant = `${VARIANT[Number.parseInt(hex.slice(16, 17), 16)]}${hex.slice(17, 20)}`
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${version}-${variant}-${hex.slice(20, 32)}`
}

/** A digit with its two upper bits set to 10. */
const VARIANT = '89ab89ab89ab89ab'
