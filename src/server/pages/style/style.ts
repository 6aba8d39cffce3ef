import { BASE } from './base.ts'
import { ERRORS } from './errors.ts'
import { EXECUTION } from './execution.ts'
import { FORMS } from './forms.ts'
import { FRAME } from './frame.ts'
import { LOGIN } from './login.ts'
import { MONEY } from './money.ts'
import { OPERATIONS } from './operations.ts'
import { PARTS } from './parts.ts'
import { PRINT } from './print.ts'
import { TABLES } from './tables.ts'
import { TOKENS } from './tokens.ts'

/** The style sheet of all pages. A page with rules of its own adds a piece before PRINT. */
export const STYLE = [
  TOKENS,
  BASE,
  FRAME,
  TABLES,
  FORMS,
  PARTS,
  LOGIN,
  MONEY,
  EXECUTION,
  OPERATIONS,
  ERRORS,
  PRINT,
]
  .join('')
  .replaceAll(/\n\s*/g, '\n')
