/** The output formats of all commands that print rows or a record. `table` is TSV if stdout is not a terminal. */
export const FORMATS = ['table', 'json', 'jsonl', 'csv', 'tsv', 'yaml', 'name'] as const

export type Format = (typeof FORMATS)[number]
