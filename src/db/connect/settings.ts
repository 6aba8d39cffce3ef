/**
 * A role, a database or a server may have other values for these settings. The statements of wfstore require the values
 * here. Other values change answers, or what `migrate verify` reads.
 */
export const SESSION_SETTINGS: Record<string, string> = {
  row_security: 'off',
  quote_all_identifiers: 'off',
  standard_conforming_strings: 'on',
  array_nulls: 'on',
  default_transaction_isolation: 'read committed',
  DateStyle: 'ISO',
  IntervalStyle: 'postgres',
  TimeZone: 'UTC',
  extra_float_digits: '1',
  bytea_output: 'hex',
}

/** In the startup packet a space, tab or line end ends an option, unless a backslash is in front of it. */
export const escapeOption = (value: string): string => value.replace(/[\\ \t-\r]/g, '\\$&')

/** The startup options, followed by ours. If a setting occurs twice, the last one applies. */
export const withSessionSettings = (options: string): string =>
  [
    ...(options ? [options] : []),
    ...Object.entries(SESSION_SETTINGS).map(([name, value]) => `-c ${name}=${escapeOption(value)}`),
  ].join(' ')
