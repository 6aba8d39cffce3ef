/**
 * The texts of values in JSON that JSON.parse has accepted. A number there may have more digits than a double, so the
 * database gets the text itself.
 */

const QUOTE = 34
const COMMA = 44
const MINUS = 45
const NINE = 57
const OPEN_ARRAY = 91
const BACKSLASH = 92
const CLOSE_ARRAY = 93
const OPEN_OBJECT = 123
const CLOSE_OBJECT = 125

/**
 * The texts of the numbers, arrays and objects in the object that the member `name` of the line holds, by their fields.
 * Of a repeated name the last counts.
 */
export function rawFields(line: string, name: string): Map<string, string> {
  const fields = new Map<string, string>()
  eachMember(line, skipBlanks(line, 0), (member, start) => {
    if (nameAt(line, member) !== name) return endOfValue(line, start)
    fields.clear()
    return eachMember(line, start, (field, from) => {
      const end = endOfValue(line, from)
      if (isLossy(line.charCodeAt(from))) fields.set(nameAt(line, field), line.slice(from, end))
      return end
    })
  })
  return fields
}

/** The members of the object that begins there: their names and the texts of their values. */
export function membersOf(text: string, start = 0): [name: string, value: string][] {
  const members: [string, string][] = []
  eachMember(text, start, (member, from) => {
    const end = endOfValue(text, from)
    members.push([nameAt(text, member), text.slice(from, end)])
    return end
  })
  return members
}

/** Does a value that begins so lose something in JSON.parse? A string, true, false and null do not. */
const isLossy = (first: number): boolean =>
  first === OPEN_OBJECT || first === OPEN_ARRAY || (first >= MINUS && first <= NINE)

/**
 * Calls `visit` with where each member of an object begins, and where its value begins.
 * @param visit returns where the value ends
 * @returns where the object ends
 */
function eachMember(
  text: string,
  start: number,
  visit: (member: number, value: number) => number,
): number {
  let at = skipBlanks(text, start + 1)
  while (text.charCodeAt(at) !== CLOSE_OBJECT) {
    const colon = skipBlanks(text, endOfString(text, at))
    at = skipBlanks(text, visit(at, skipBlanks(text, colon + 1)))
    if (text.charCodeAt(at) === COMMA) at = skipBlanks(text, at + 1)
  }
  return at + 1
}

export function nameAt(text: string, start: number): string {
  const name = text.slice(start, endOfString(text, start))
  return name.includes('\\') ? JSON.parse(name) : name.slice(1, -1)
}

export function skipBlanks(text: string, start: number): number {
  let at = start
  while (text.charCodeAt(at) <= 32) at++
  return at
}

/** 0 if the string has no end. */
export function endOfString(text: string, start: number): number {
  let at = start
  do at = text.indexOf('"', at + 1)
  while (isEscaped(text, at))
  return at + 1
}

function isEscaped(text: string, at: number): boolean {
  let backslashes = 0
  while (text.charCodeAt(at - 1 - backslashes) === BACKSLASH) backslashes++
  return backslashes % 2 === 1
}

function endOfValue(text: string, start: number): number {
  const first = text.charCodeAt(start)
  if (first === QUOTE) return endOfString(text, start)
  if (first !== OPEN_OBJECT && first !== OPEN_ARRAY) return endOfWord(text, start)
  let at = start
  let depth = 0
  do {
    const code = text.charCodeAt(at)
    if (code === QUOTE) {
      at = endOfString(text, at)
      continue
    }
    if (code === OPEN_OBJECT || code === OPEN_ARRAY) depth++
    else if (code === CLOSE_OBJECT || code === CLOSE_ARRAY) depth--
    at++
  } while (depth > 0)
  return at
}

/** Of a number, true, false or null. */
function endOfWord(text: string, start: number): number {
  let at = start
  for (;;) {
    const code = text.charCodeAt(at)
    if (code <= 32 || code === COMMA || code === CLOSE_OBJECT || code === CLOSE_ARRAY) return at
    at++
  }
}
