import * as d from '../query/decode.ts'

/** An object of the application that is dropped before the change and created again after it, with its text from the catalog. */
export const recreatedShape = {
  /** 'view costs' */
  what: d.text(),
  owner: d.text(),
  /** True if this role may drop and create it. */
  ours: d.boolean(),
  drop: d.text(),
  create: d.texts('create'),
  /** Statements that create it on the copies of a rehearsal; NULL if it cannot be tried. */
  rehearsal: d.nullable(d.text()),
}
export type Recreated = d.RowOf<typeof recreatedShape>
