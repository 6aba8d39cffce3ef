import { WfstoreError } from './error.ts'
import { nearest } from './nearest.ts'

type KeyOf<T> = T extends unknown ? keyof T & string : never

/** All names of an options object. A list that lacks a name of the type, or has another one, does not compile. */
export type Names<T> = Readonly<Record<KeyOf<T>, true>>

/**
 * Refuses a name that the function does not know: a misspelt option would otherwise be ignored.
 * @param what the function or the value, as its caller knows it: 'openStore', 'run.finish'
 * @throws WfstoreError usage
 */
export function checkNames(
  what: string,
  given: object | undefined,
  names: Readonly<Record<string, unknown>>,
): void {
  if (given === undefined) return
  if (typeof given !== 'object' || given === null || Array.isArray(given))
    throw new WfstoreError('usage', `${what} takes an object with names, such as { … }`, {
      hint: `use ${Object.keys(names).join(', ')}`,
    })
  for (const name in given) if (!Object.hasOwn(names, name)) throw unknownName(what, name, names)
}

/** The error for a name that does not exist, with the name that was most likely meant. */
export function unknownName(
  what: string,
  name: string,
  names: Readonly<Record<string, unknown>>,
): WfstoreError {
  return new WfstoreError('usage', `${what} has no option ${name}`, {
    hint: useInstead(name, Object.keys(names)),
  })
}

/** The hint for a name that does not exist: the one that was most likely meant, or all. */
export const useInstead = (name: string, known: readonly string[]): string =>
  `use ${nearest(name, known) ?? known.join(', ')}`
