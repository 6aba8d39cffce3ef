/** All notes together are shorter, because clients and proxies limit the headers of an answer. */
const MOST_CHARACTERS = 4096

/** The value of the header Wfstore-Note: notes in percent-encoding, separated by commas. */
export function noteHeader(notes: readonly string[]): string | undefined {
  const encoded: string[] = []
  let length = 0
  for (const [index, note] of notes.entries()) {
    const text = encodeNote(note)
    length += text.length + 2
    if (length > MOST_CHARACTERS) {
      encoded.push(`and ${notes.length - index} more`)
      break
    }
    encoded.push(text)
  }
  return encoded.length === 0 ? undefined : encoded.join(', ')
}

/** Spaces stay, so that people can read it. */
const encodeNote = (note: string): string =>
  Buffer.from(note)
    .toString()
    .replace(/[^\x20-\x7e]+|[%,]/g, encodeURIComponent)
