export interface SeenFamily {
  name: string
  type: string
  help: string
  samples: { labels: Record<string, string>; value: number }[]
}

const NAME = '[a-zA-Z_:][a-zA-Z0-9_:]*'
const LABEL = '[a-zA-Z_][a-zA-Z0-9_]*="(?:[^"\\\\\\n]|\\\\[\\\\"n])*"'
const NUMBER = '(?:NaN|[+-]Inf|[+-]?\\d+(?:\\.\\d+)?(?:[eE][+-]?\\d+)?)'
const SAMPLE = new RegExp(`^(${NAME})(?:\\{(${LABEL}(?:,${LABEL})*)\\})? (${NUMBER})$`)

/**
 * Reads Prometheus' text format 0.0.4 as narrowly as its specification may be read,
 * https://prometheus.io/docs/instrumenting/exposition_formats/, and as node_exporter's textfile collector requires it:
 * HELP, TYPE and the samples of a name together in this order, no series twice, no timestamps, a line feed at the end.
 */
export function parseExposition(text: string): SeenFamily[] {
  if (!text.endsWith('\n')) throw new Error('the last line has no line feed')
  const families: SeenFamily[] = []
  const series = new Set<string>()
  let help: { name: string; text: string } | undefined
  for (const line of text.slice(0, -1).split('\n')) {
    const comment = /^# (HELP|TYPE) (\S+) ?(.*)$/s.exec(line)
    const [, kind, name = '', rest = ''] = comment ?? []
    const family = families.at(-1)
    if (kind === 'HELP') {
      if (!new RegExp(`^${NAME}$`).test(name)) throw new Error(`no name: ${line}`)
      if (/\\(?![\\n])/.test(rest.replaceAll('\\\\', ''))) throw new Error(`bad escape: ${line}`)
      help = { name, text: unescaped(rest) }
    } else if (kind === 'TYPE') {
      if (help?.name !== name) throw new Error(`no HELP before ${line}`)
      if (families.some((one) => one.name === name)) throw new Error(`${name} comes twice`)
      if (!/^(counter|gauge)$/.test(rest)) throw new Error(`no type: ${line}`)
      if ((rest === 'counter') !== name.endsWith('_total')) throw new Error(`misnamed: ${line}`)
      families.push({ name, type: rest, help: help.text, samples: [] })
    } else if (line.startsWith('#')) {
      if (families.length > 0) throw new Error(`a comment in between: ${line}`)
    } else {
      const [, of, labels = '', value = ''] = SAMPLE.exec(line) ?? []
      if (of === undefined) throw new Error(`not a sample: ${line}`)
      if (family === undefined || of !== family.name) throw new Error(`not of a family: ${line}`)
      const pairs = [...labels.matchAll(/([a-zA-Z0-9_]+)="((?:[^"\\]|\\.)*)"/g)].map(
        ([, label = '', escaped = '']): [string, string] => [label, unescaped(escaped)],
      )
      const id = JSON.stringify([of, pairs.toSorted()])
      if (series.has(id)) throw new Error(`a series twice: ${line}`)
      if (new Set(pairs.map(([label]) => label)).size < pairs.length)
        throw new Error(`a label twice: ${line}`)
      if (pairs.some(([label]) => label.startsWith('__'))) throw new Error(`reserved: ${line}`)
      series.add(id)
      family.samples.push({
        labels: Object.fromEntries(pairs),
        value: Number(value.replace('Inf', 'Infinity')),
      })
    }
  }
  const empty = families.find(({ samples }) => samples.length === 0)
  if (empty) throw new Error(`${empty.name} has no samples`)
  return families
}

const unescaped = (text: string): string =>
  text.replace(/\\([\\"n])/g, (_, char) => (char === 'n' ? '\n' : char))
