/** What is wrong with a value of the config. */
export type ConfigCheck = (value: unknown) => string | undefined

export const isText = (value: unknown): value is string =>
  typeof value === 'string' && value.trim() !== '' && !value.includes('\0')

/** A text that a parser of the command line takes. */
export const parsed =
  (parse: (text: string) => unknown, what: string): ConfigCheck =>
  (value) => {
    try {
      if (isText(value)) parse(value)
      return isText(value) ? undefined : `must be ${what}`
    } catch {
      return `must be ${what}`
    }
  }

export const isTrueOrFalse: ConfigCheck = (value) =>
  typeof value === 'boolean' ? undefined : 'must be true or false'
export const text: ConfigCheck = (value) =>
  isText(value) ? undefined : 'must be a string that is not empty'
export const areTexts = (value: unknown): value is string[] =>
  Array.isArray(value) && value.length > 0 && value.every(isText)
