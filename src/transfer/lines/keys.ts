import { endOfString, nameAt, skipBlanks } from './raw.ts'

const QUOTE = 34
const COLON = 58
const OPEN_ARRAY = 91
const CLOSE_ARRAY = 93
const OPEN_OBJECT = 123
const CLOSE_OBJECT = 125

/**
 * A key that an object of the line has twice; JSON.parse keeps only its last value. A line that JSON.parse has accepted has
 * at least as many colons after a quote as keys, and as many only if no string has one. Thus few lines are read in detail.
 */
export function repeatedKey(text: string, value: object): string | undefined {
  return countColons(text) === countKeys(value) ? undefined : findRepeated(text)
}

function countColons(text: string): number {
  let count = 0
  for (let at = text.indexOf(':'); at !== -1; at = text.indexOf(':', at + 1)) {
    let before = at - 1
    while (text.charCodeAt(before) <= 32) before--
    if (text.charCodeAt(before) === QUOTE) count++
  }
  return count
}

/** Of all objects in the value. It may be nested deeper than a function can call itself. */
function countKeys(value: object): number {
  const left = [value]
  let count = 0
  for (let object = left.pop(); object !== undefined; object = left.pop()) {
    if (!Array.isArray(object)) count += Object.keys(object).length
    for (const inner of Object.values(object))
      if (typeof inner === 'object' && inner !== null) left.push(inner)
  }
  return count
}

function findRepeated(text: string): string | undefined {
  /** The keys of the objects around. */
  const around: (Set<string> | undefined)[] = []
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at)
    if (code === OPEN_OBJECT) around.push(new Set())
    else if (code === OPEN_ARRAY) around.push(undefined)
    else if (code === CLOSE_OBJECT || code === CLOSE_ARRAY) around.pop()
    else if (code === QUOTE) {
      const end = endOfString(text, at)
      if (text.charCodeAt(skipBlanks(text, end)) === COLON) {
        const name = nameAt(text, at)
        const keys = around.at(-1)
        if (keys?.has(name)) return name
        keys?.add(name)
      }
      at = end - 1
    }
  }
  return undefined
}

/** Whether the text has more arrays, objects and keys than this. It need not be JSON. */
export function hasMoreParts(text: string, most: number): boolean {
  let parts = 0
  for (let at = 0; at < text.length && parts <= most; at++) {
    const code = text.charCodeAt(at)
    if (code === OPEN_OBJECT || code === OPEN_ARRAY || code === COLON) parts++
    else if (code === QUOTE) {
      at = endOfString(text, at) - 1
      // The string has no end.
      if (at < 0) break
    }
  }
  return parts > most
}
