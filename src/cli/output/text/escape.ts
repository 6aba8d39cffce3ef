/**
 * What a terminal would obey, or the eye could not see: control characters, halves of surrogate pairs, line and paragraph
 * separators, and all that Unicode says may be passed over in drawing: bidirectional controls, zero-width characters,
 * tags, variation selectors. Some of those belong to the writing around them: see `belongs`.
 * Of marks on one letter, those that no script stacks so high: they would be drawn over other lines.
 * CRLF is one match, so that a line end can be kept where a lone CR is not; a flag of tags is one as well.
 */
const HIDDEN = new RegExp(
  String.raw`\r\n|\u{1f3f4}\u{e0067}\u{e0062}(?:\u{e0065}\u{e006e}\u{e0067}|\u{e0073}\u{e0063}\u{e0074}|\u{e0077}\u{e006c}\u{e0073})\u{e007f}` +
    String.raw`|[\p{Cc}\p{Cs}\p{Default_Ignorable_Code_Point}\u2028\u2029\ufff9-\ufffb]|\p{M}(?<=\p{M}{17})`,
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
/** Scripts whose letters join, or would join, with their neighbours. */
const JOINING =
  /[\p{Script=Arabic}\p{Script=Syriac}\p{Script=Mandaic}\p{Script=Manichaean}\p{Script=Nko}\p{Script=Mongolian}\p{Script=Phags_Pa}\p{Script=Devanagari}\p{Script=Bengali}\p{Script=Gurmukhi}\p{Script=Gujarati}\p{Script=Oriya}\p{Script=Tamil}\p{Script=Telugu}\p{Script=Kannada}\p{Script=Malayalam}\p{Script=Sinhala}\p{Script=Khmer}\p{Script=Myanmar}\p{Script=Tibetan}]/u
/** Scripts without blanks between words, which may be broken where a zero-width space stands. */
const UNSPACED = /[\p{Script=Thai}\p{Script=Lao}\p{Script=Khmer}\p{Script=Myanmar}]/u
const PICTOGRAPH = /\p{Extended_Pictographic}/u
const EMOJI_PART = /\p{Extended_Pictographic}|\p{Emoji_Modifier}|\ufe0f/u
const EMOJI = /\p{Emoji}/u
const SELECTOR = /[\ufe0e\ufe0f]/
const IDEOGRAPH_SELECTOR = /[\ufe00-\ufe02\u{e0100}-\u{e01ef}]/u
const IDEOGRAPH = /\p{Ideographic}/u
const MONGOLIAN_SELECTOR = /[\u180b-\u180d\u180f]/
const MONGOLIAN = /\p{Script=Mongolian}/u

/** What has nothing to hide: nearly everything. */
const PRINTABLE_ASCII = /^[ -~]*$/

/** The text with everything hostile made visible, except what is in `keep`. */
export function show(text: string, keep: readonly string[] = []): string {
  if (PRINTABLE_ASCII.test(text)) return text
  return text.replace(HIDDEN, (found, at: number) =>
    keep.includes(found) || belongs(text, found, at) ? found : visible(found),
  )
}

/** A string as JSON; what JSON itself would let through is written as \uXXXX, which loses nothing. */
export function quoteJson(text: string): string {
  return escapeInJson(JSON.stringify(text))
}

/** The same for a string that is JSON already, quotes included. */
export function escapeInJson(quoted: string): string {
  if (PRINTABLE_ASCII.test(quoted)) return quoted
  return quoted.replace(HIDDEN, (found, at: number) =>
    belongs(quoted, found, at) ? found : found.split('').map(unit).join(''),
  )
}

/** Is it part of an emoji, or of how a script is written? One at a time: a second one in a row has no use. */
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

/** The character before a place; '' at the beginning. */
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

/** A UTF-16 code unit as JSON has it. */
const unit = (char: string) => `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`
