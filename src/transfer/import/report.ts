import type { Kind } from '../export/form.ts'

/** A line that was not imported, and why. */
export interface InvalidLine {
  line: number
  reason: string
}

export interface ImportReport {
  /** Lines that hold anything. */
  read: number
  /** Rows that are new to the store. */
  inserted: Record<Kind, number>
  /** Lines whose row was there already with the same content. */
  repeated: number
  /** The first 100 of the lines that were not imported. */
  invalid: InvalidLine[]
  /** All of the lines that were not imported. */
  invalidCount: number
}

const SHOWN = 100

/** Gathers invalid lines of any number, and keeps the first by line. */
export class InvalidLines {
  count = 0
  #first: InvalidLine[] = []

  /** Of `count` lines the first that could be shown. */
  add(lines: readonly InvalidLine[], count = lines.length): void {
    this.count += count
    const last = this.#first.at(-1)
    const wanted = lines.filter(
      ({ line }) => this.#first.length < SHOWN || line < (last as InvalidLine).line,
    )
    if (wanted.length === 0) return
    this.#first = [...this.#first, ...wanted].sort((a, b) => a.line - b.line).slice(0, SHOWN)
  }

  get first(): InvalidLine[] {
    return this.#first
  }
}
