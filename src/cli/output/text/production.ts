import { bgRed, bold, white } from 'kleur/colors'
import { show } from './escape.ts'

/** Above what a command does to a production database, for whoever sits at the terminal. */
export const productionMark = (name: string, database: string, color: boolean): string =>
  color
    ? `${bgRed(white(bold(` PRODUCTION ${name} `)))} ${show(database)}`
    : `[production: ${name}] ${show(database)}`
