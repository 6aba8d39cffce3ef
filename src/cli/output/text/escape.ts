/**
 * Characters that control a terminal or are invisible: control characters, halves of surrogate pairs, line and paragraph
 * separators, and all characters that Unicode allows to ignore in drawing: bidirectional controls, zero-width characters,
 * tags, variation selectors. Some of them are a part of normal text: see `belongs`. Also code points that are no
 * characters, such as U+FFFE: readers of YAML refuse them.
 * Also combining marks after the 16th on one letter, which would be drawn over other lines.
 * CRLF is one match, so that it can be kept without keeping a lone CR. So is a flag emoji made of tags.
 */
const HIDDEN = new RegExp(
  String.raw`\r\n|\u{1f3f4}\u{e0067}\u{e0062}(?:\u{e0065}\u{e006e}\u{e0067}|\u{e0073}\u{e0063}\u{e0074}|\u{e0077}\u{e006c}\u{e0073})\u{e007f}` +
    String.raw`|[\p{Cc}\p{Cs}\p{Default_Ignorable_Code_Point}\p{Noncharacter_Code_Point}\u2028\u2029\ufff9-\ufffb]|\p{M}(?<=\p{M}{17})`,
  'gu',
)

const NAMED: Record<string, string> = {
  '\n': '\\n',
  '\t': '\\t',
  '\r': '\\r',
  '\r\n': '\\r\\n',
}

const ZERO_WIDTH_SPACE = '\u200b'
const NON_JOINER = '\u200c'
const JOINER = '\u200d'
/** Scripts whose letters join with their neighbours. */
const JOINING =
  /[\p{Script=Arabic}\p{Script=Syriac}\p{Script=Mandaic}\p{Script=Manichaean}\p{Script=Nko}\p{Script=Mongolian}\p{Script=Phags_Pa}\p{Script=Devanagari}\p{Script=Bengali}\p{Script=Gurmukhi}\p{Script=Gujarati}\p{Script=Oriya}\p{Script=Tamil}\p{Script=Telugu}\p{Script=Kannada}\p{Script=Malayalam}\p{Script=Sinhala}\p{Script=Khmer}\p{Script=Myanmar}\p{Script=Tibetan}]/u
/** Scripts without spaces between words, where a zero-width space allows a line break. */
const UNSPACED = /[\p{Script=Thai}\p{Script=Lao}\p{Script=Khmer}\p{Script=Myanmar}]/u
const PICTOGRAPH = /\p{Extended_Pictographic}/u
const EMOJI_PART = /\p{Extended_Pictographic}|\p{Emoji_Modifier}|\ufe0f/u
const EMOJI = /\p{Emoji}/u
const SELECTOR = /[\ufe0e\ufe0f]/
const IDEOGRAPH_SELECTOR = /[\ufe00-\ufe02\u{e0100}-\u{e01ef}]/u
const IDEOGRAPH = /\p{Ideographic}/u
const MONGOLIAN_SELECTOR = /[\u180b-\u180d\u180f]/
const MONGOLIAN = /\p{Script=Mongolian}/u

/** The common case: nothing to escape. */
const PRINTABLE_ASCII = /^[ -~]*$/

/** The text with all hidden characters made visible, except those in `keep`. */
export function show(text: string, keep: readonly string[] = []): string {
  if (PRINTABLE_ASCII.test(text)) return text
  return text.replace(HIDDEN, (found, at: number) =>
    keep.includes(found) || belongs(text, found, at) ? found : visible(found),
  )
}

/** The most common case: nothing to escape in JSON either. */
const PLAIN = /^[ !#-[\]-~]*$/

/** A string as JSON, with hidden characters written as \uXXXX. */
export function quoteJson(text: string): string {
  if (PLAIN.test(text)) return `"${text}"`
  return escapeInJson(JSON.stringify(text))
}

/** The same for a string that is already JSON, including its quotes. */
export function escapeInJson(quoted: string): string {
  if (PRINTABLE_ASCII.test(quoted)) return quoted
  return quoted.replace(HIDDEN, (found, at: number) =>
    belongs(quoted, found, at) ? found : found.split('').map(unit).join(''),
  )
}

/** Whether it is a part of an emoji or of the script around it. Only one: a second one in a row has no purpose. */
function belongs(text: string, found: string, at: number): boolean {
  if (found.startsWith('\u{1f3f4}')) return true
  const before = characterBefore(text, at)
  if (before === '') return false
  const after = String.fromCodePoint(text.codePointAt(at + found.length) ?? 0)
  if (found === JOINER)
    return JOINING.test(before) || (EMOJI_PART.test(before) && PICTOGRAPH.test(after))
  if (found === NON_JOINER) return JOINING.test(before)
  if (found === ZERO_WIDTH_SPACE) return UNSPACED.test(before) && UNSPACED.test(after)
  if (SELECTOR.test(found)) return EMOJI.test(before)
  if (IDEOGRAPH_SELECTOR.test(found)) return IDEOGRAPH.test(before)
  return MONGOLIAN_SELECTOR.test(found) && MONGOLIAN.test(before)
}

/** The character before an index; '' at the start. */
function characterBefore(text: string, at: number): string {
  const low = text.charCodeAt(at - 1)
  const isPair = low >= 0xdc00 && low <= 0xdfff
  return text.slice(Math.max(0, isPair ? at - 2 : at - 1), at)
}

function visible(found: string): string {
  const named = NAMED[found]
  if (named !== undefined) return named
  const code = found.codePointAt(0) ?? 0
  if (code > 0xffff) return `\\u{${code.toString(16)}}`
  return code < 0x100 ? `\\x${code.toString(16).padStart(2, '0')}` : unit(found)
}

/** A UTF-16 code unit as in JSON. */
const unit = (char: string) => `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`
