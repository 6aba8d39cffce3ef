import { WfstoreError } from '../../error.ts'
import type { Tokens } from '../../queries/table/validate.ts'
import { TOKEN_CLASSES, type TokenClass } from '../../tables/tokens.ts'
import { fieldOf, type ReportedCount, sumOf, without } from './fields.ts'
import type { UsageShape } from './shapes.ts'

type Reported = Partial<Record<TokenClass | 'moreInput' | 'total', ReportedCount | undefined>>

/**
 * The disjoint classes of a usage object.
 * @throws WfstoreError usage if a field is no count, or if the counts contradict each other
 */
export function classesOf(shape: UsageShape, usage: object): Tokens {
  const reported: Reported = {}
  for (const name of [...TOKEN_CLASSES, 'moreInput', 'total'] as const)
    reported[name] = fieldOf(usage, shape[name], shape.missing)
  const { input, moreInput, output, cacheRead, cacheWrite, reasoning } = reported
  const cache = shape.inputIncludesCache ? [cacheRead, cacheWrite] : []
  const ownInput = input && without(input, ...cache)
  const thoughts = outputIncludesReasoning(shape, reported) ? [reasoning] : []
  const counts = {
    input: moreInput === undefined ? ownInput : (ownInput ?? 0) + moreInput.count,
    output: output && without(output, ...thoughts),
    cacheRead: cacheRead?.count,
    cacheWrite: cacheWrite?.count,
    reasoning: reasoning?.count,
  }
  return withTotal(counts, reported.total)
}

/** The total proves it: it counts the reasoning once. Without a total the rule of the API counts. */
function outputIncludesReasoning(shape: UsageShape, reported: Reported): boolean {
  const { input, moreInput, output, cacheRead, cacheWrite, reasoning, total } = reported
  const cache = shape.inputIncludesCache ? [] : [cacheRead, cacheWrite]
  const sum = sumOf(input, moreInput, output, ...cache)
  if (total?.count === sum) return true
  if (total?.count === sum + sumOf(reasoning)) return false
  return shape.outputIncludesReasoning
}

/** Only the classes that are reported, and the total if it has tokens of no class. */
function withTotal(
  counts: Record<TokenClass, number | undefined>,
  total: ReportedCount | undefined,
): Tokens {
  const tokens: Tokens = {}
  let sum = 0
  for (const name of TOKEN_CLASSES) {
    const count = counts[name]
    if (count === undefined) continue
    tokens[name] = count
    sum += count
  }
  if (total === undefined || total.count === sum) return tokens
  if (total.count > sum) return { ...tokens, total: total.count }
  throw new WfstoreError(
    'usage',
    `${total.name} is ${total.count}, less than the sum of its parts, ${sum}`,
    { hint: 'pass the provider whose API returned this usage' },
  )
}
