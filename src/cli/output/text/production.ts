import { bgRed, bold, white } from 'kleur/colors'
import { show } from './escape.ts'

/** The warning above the output of a command on a production database. */
export const productionMark = (name: string, database: string, color: boolean): string =>
  color
    ? `${bgRed(white(bold(` PRODUCTION ${name} `)))} ${show(database)}`
    : `[production: ${name}] ${show(database)}`
