import { WfstoreError } from '../../error.ts'
import { useInstead } from '../../options.ts'
import type { PageRequest } from './view.ts'

/** The parameters of pages that have no filter of runs. */

type Given = Pick<PageRequest, 'parameters'>

/**
 * @param lists parameters that may be given several times
 * @throws WfstoreError usage for a parameter that the page does not have, or that is given twice
 */
export function checkParameters(
  { parameters }: Given,
  single: readonly string[],
  lists: readonly string[] = [],
): void {
  const known = [...single, ...lists]
  for (const name of parameters.keys()) {
    if (name !== 'tz' && !known.includes(name))
      throw new WfstoreError('usage', `this page has no parameter ${name}`, {
        hint: known.length > 0 ? useInstead(name, known) : `remove ${name}`,
      })
    if (!lists.includes(name) && parameters.getAll(name).length > 1)
      throw new WfstoreError('usage', `${name} is given more than once`, {
        hint: 'give it only once',
      })
  }
}

/** A whole number. @throws WfstoreError usage */
export function wholeNumberOf(
  { parameters }: Given,
  name: string,
  least: number,
  most: number,
  hint?: string,
): number | undefined {
  const text = parameters.get(name)
  if (text === null) return undefined
  const value = /^\d{1,9}$/.test(text) ? Number(text) : Number.NaN
  if (value >= least && value <= most) return value
  throw new WfstoreError(
    'usage',
    `${name} is ${JSON.stringify(text)}, not a whole number from ${least} to ${most}`,
    { hint },
  )
}

/** A flag, as the API reads it. @throws WfstoreError usage */
export function flagOf({ parameters }: Given, name: string): boolean {
  const text = parameters.get(name)
  if (text === null || text === 'false' || text === '0') return false
  if (text === 'true' || text === '1') return true
  throw new WfstoreError('usage', `${name} is ${JSON.stringify(text)}, not true or false`)
}

/** The values of a filter, as the command line reads them: a list with commas, or one value that is given twice. */
export function valuesIn({ parameters }: Given, name: string): string[] | undefined {
  const given = parameters.getAll(name)
  const isTwice = (one: string) => given.indexOf(one) !== given.lastIndexOf(one)
  const values = given.flatMap((one) =>
    isTwice(one) ? one : one.split(',').map((value) => value.trim()),
  )
  return values.length === 0 ? undefined : [...new Set(values)]
}
