import type { Command } from 'commander'
import type { Column, Kind } from './column.ts'

/** What a command prints, for the description of the API. */
export interface Printed {
  /** 'either': an object, or a list for several ids. */
  form: 'rows' | 'record' | 'either'
  columns: () => readonly Column<never>[] | Promise<readonly Column<never>[]>
  /** The shape of the rows, which says what can be null. */
  shape?: Readonly<Record<string, { nullable?: boolean }>> | undefined
  /** Columns that are not in every answer: they depend on options. */
  sometimes?: readonly string[] | undefined
  /** The kinds of values in JSON, if they are others than on a terminal. */
  kinds?: Readonly<Record<string, Kind>> | undefined
  /** The flag with which it prints this. */
  flag?: string | undefined
}

const printed = new WeakMap<Command, Printed[]>()

/** Says what a command prints. It can be called once for each flag that changes the columns. */
export function prints<Row>(
  command: Command,
  form: Printed['form'],
  columns: readonly Column<Row>[] | Printed['columns'],
  more: Pick<Printed, 'shape' | 'sometimes' | 'kinds' | 'flag'> = {},
): Command {
  const read =
    typeof columns === 'function' ? columns : () => columns as unknown as readonly Column<never>[]
  printed.set(command, [...(printed.get(command) ?? []), { form, columns: read, ...more }])
  return command
}

/** What a command prints: the first one whose flag is given counts. */
export const printedBy = (command: Command): readonly Printed[] => printed.get(command) ?? []
