/** Where a text stops being JSON, and why. */
export interface Flaw {
  line: number
  column: number
  what: string
}

const BLANK = /[ \t\r\n]*/y
const STRING = /"(?:[^"\\\p{Cc}]|[\x7f-\x9f]|\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4}))*"/uy
const PLAIN = /(?:true|false|null|-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?)(?![\w.+-])/y

type Expected = 'value' | 'firstValue' | 'name' | 'firstName' | 'colon' | 'end'

const WORDS: Record<Expected, string> = {
  value: 'expected a value',
  firstValue: 'expected a value or ]',
  name: 'expected a name in double quotes',
  firstName: 'expected a name in double quotes or }',
  colon: 'expected a colon',
  end: 'expected a comma or a closing bracket',
}

/** The first flaw of a text; JSON.parse says it in words of the version of Node, and mostly without the place. */
export function findFlaw(text: string): Flaw | undefined {
  const closers: string[] = []
  let expected: Expected = 'value'
  let at = 0
  const take = (pattern: RegExp): boolean => {
    pattern.lastIndex = at
    const length = pattern.exec(text)?.[0].length
    if (length === undefined) return false
    at += length
    return true
  }
  for (;;) {
    take(BLANK)
    const char = text[at]
    if (char === undefined) {
      if (expected === 'end' && closers.length === 0) return undefined
      return flaw(text, at, at === 0 ? 'it is empty' : 'it ends too early')
    }
    const isFirst: boolean = expected === 'firstName' || expected === 'firstValue'
    if (char === closers.at(-1) && (isFirst || expected === 'end')) {
      closers.pop()
      expected = 'end'
      at++
    } else if (expected === 'end' && char === ',' && closers.length > 0) {
      expected = closers.at(-1) === '}' ? 'name' : 'value'
      at++
    } else if (expected === 'colon' && char === ':') {
      expected = 'value'
      at++
    } else if (expected === 'name' || expected === 'firstName') {
      if (!take(STRING)) return flaw(text, at, why(expected, char))
      expected = 'colon'
    } else if (expected === 'value' || expected === 'firstValue') {
      if (char === '{' || char === '[') {
        closers.push(char === '{' ? '}' : ']')
        expected = char === '{' ? 'firstName' : 'firstValue'
        at++
      } else if (take(STRING) || take(PLAIN)) expected = 'end'
      else return flaw(text, at, why(expected, char))
    } else return flaw(text, at, why(expected, char))
  }
}

function why(expected: Expected, char: string): string {
  if (char === '/' || char === '#') return 'plain JSON has no comments'
  if (char === "'") return 'plain JSON wants double quotes'
  if (char === '"' && expected !== 'colon' && expected !== 'end') return 'the string has no end'
  const trailing = (expected === 'name' && char === '}') || (expected === 'value' && char === ']')
  return trailing ? 'there is a comma too many before it' : WORDS[expected]
}

function flaw(text: string, at: number, what: string): Flaw {
  const before = text.slice(0, at).split('\n')
  return { line: before.length, column: (before.at(-1) as string).length + 1, what }
}
