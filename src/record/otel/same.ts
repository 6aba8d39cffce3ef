import type { Facts, Usage } from './types.ts'
import { totalOf } from './usage.ts'

/** Some servers use shorter ids again: Ollama has chatcmpl-1 to chatcmpl-999. */
export const UNIQUE_ID = 20

/** Whether two spans report the same response. A short id is not enough: then they must also be at the same time. */
export const isSameResponse = (a: Facts, b: Facts, areAtOneTime: boolean): boolean =>
  a.responseId !== undefined &&
  a.responseId === b.responseId &&
  (a.responseId.length >= UNIQUE_ID ||
    (areAtOneTime && mayBeOneModel(a, b) && haveEqualTotals(a, b)))

const mayBeOneModel = (a: Facts, b: Facts): boolean =>
  haveSameModel(a, b) || (modelOf(a) === undefined && modelOf(b) === undefined)

const modelOf = ({ requestModel, responseModel }: Facts): string | undefined =>
  requestModel ?? responseModel

export function haveSameModel(a: Facts, b: Facts): boolean {
  const isOfB = (model: string | undefined) =>
    model !== undefined && (model === b.requestModel || model === b.responseModel)
  return isOfB(a.requestModel) || isOfB(a.responseModel)
}

/** Also if one of them reports no usage, or only what was not cached. */
export function haveEqualTotals({ usage: a }: Facts, { usage: b }: Facts): boolean {
  if (a === undefined || b === undefined || totalOf(a) === totalOf(b)) return true
  const outputOf = ({ output, reasoning }: Usage) => (output ?? 0) + (reasoning ?? 0)
  return a.input !== null && a.input === b.input && outputOf(a) === outputOf(b)
}
