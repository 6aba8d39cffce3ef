import type { Span, Value } from './types.ts'
import { firstOf, textOf } from './values.ts'

/** Attributes with a probability, and with the number of spans that this one represents. */
const PROBABILITIES = ['sampling.probability', 'sampling.ratio', 'sampling.rate']
const COUNTS = ['SampleRate', 'sample.rate', 'sampling.adjusted_count']

const numberOf = (value: Value | undefined): number | undefined => {
  const number = typeof value === 'string' && value.trim() !== '' ? Number(value) : value
  return typeof number === 'number' && Number.isFinite(number) ? number : undefined
}

/** Whether other traces are missing because this one was sampled. */
export function isSampled({ traceState, attributes, resource }: Span): boolean {
  const number = (names: readonly string[]) =>
    firstOf(attributes, names, numberOf) ?? firstOf(resource, names, numberOf)
  const probability =
    number(PROBABILITIES) ??
    (firstOf(attributes, ['sampler.type'], textOf) === 'probabilistic'
      ? number(['sampler.param'])
      : undefined)
  return isThreshold(traceState) || (probability ?? 1) < 1 || (number(COUNTS) ?? 1) > 1
}

/** `ot=th:c` of the W3C trace state: spans with less randomness are missing. A threshold of 0 keeps all. `p` is its older form. */
function isThreshold(traceState: string): boolean {
  const ot = /(?:^|,)\s*ot=([^,]*)/.exec(traceState)?.[1] ?? ''
  const field = (name: string) =>
    ot
      .split(';')
      .find((one) => one.startsWith(`${name}:`))
      ?.slice(name.length + 1)
  const isSet = (value: string | undefined) =>
    value !== undefined && /^[0-9a-f]*[1-9a-f]/i.test(value)
  return isSet(field('th')) || isSet(field('p'))
}
