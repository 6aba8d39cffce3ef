import { WfstoreError } from '../../error.ts'
import { useInstead } from '../../options.ts'
import type { Tokens } from '../../queries/table/validate.ts'
import { mergeStream, messageTokens } from './anthropic.ts'
import { classesOf } from './classes.ts'
import { isObject } from './fields.ts'
import { SHAPES, shapeOf, strangerIn, type UsageProvider } from './shapes.ts'

/**
 * The `tokens` of a step from the usage object of a provider's response: classes that are disjoint, as `step.finish`, `step.retry` and
 * `batch.step` take them. A class that the provider did not report is left out. Without a usage object (null or undefined) there are no
 * tokens: {}.
 *
 * - `provider` is the API that returned the usage. For an API that is compatible with Chat Completions or Responses pass 'openai'; for
 *   Claude on Vertex AI, or on Bedrock with InvokeModel, 'anthropic'.
 * - 'anthropic' also takes the list of the usage objects of one stream, in their order: those of message_start and message_delta.
 *   `cacheWrite` counts writes for 5 minutes and for 1 hour, which cost more. Tokens of an advisor are not included: they are tokens of
 *   another model.
 * - If the total that the provider reports is more than the sum of its classes, it becomes `total`: the rest are tokens of no class.
 * @throws WfstoreError usage if the provider is unknown, if the usage has none of its fields, if a field is no whole number from 0, or
 * if the counts contradict each other, such as more cached tokens than input tokens
 */
export function tokensFrom(
  provider: UsageProvider,
  usage: object | readonly object[] | null | undefined,
): Tokens {
  if (!Object.hasOwn(SHAPES, provider))
    throw new WfstoreError('usage', `provider ${provider} is unknown`, {
      hint: useInstead(String(provider), Object.keys(SHAPES)),
    })
  if (usage === null || usage === undefined) return {}
  const isStream = provider === 'anthropic' && Array.isArray(usage)
  const whole: unknown = isStream ? mergeStream(usage) : usage
  const shape = isObject(whole) ? shapeOf(provider, whole) : undefined
  if (!isObject(whole) || shape === undefined) throw noUsage(provider)
  const stranger = strangerIn(shape, whole)
  if (stranger !== null)
    throw new WfstoreError('usage', `${stranger.name} is not a field of ${provider}`, {
      hint: `use ${stranger.provider}`,
    })
  return provider === 'anthropic' ? messageTokens(whole) : classesOf(shape, whole)
}

const noUsage = (provider: UsageProvider) => {
  const fields = SHAPES[provider].map(({ input }) => input[0]).join(' or ')
  return new WfstoreError('usage', `usage has no field of a usage object of ${provider}`, {
    hint: `pass the usage object of a response, with ${fields}`,
  })
}
