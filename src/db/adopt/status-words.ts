/**
 * What wfstore calls the statuses of other applications, in lower case and with '_' between words. The trigger function
 * wfstore_map_status of migrations/001_tables.sql has the same list for rows that are written after the adoption.
 */
export const STATUS_WORDS: Record<string, Record<string, string[]>> = {
  workflow_executions: {
    running: ['running', 'started', 'in_progress', 'processing', 'pending', 'queued'],
    success: ['success', 'successful', 'succeeded', 'completed', 'complete', 'done'],
    failed: ['failed', 'failure', 'error'],
    partial: ['partial'],
    cancelled: ['cancelled', 'canceled'],
  },
  workflow_steps: {
    pending: ['pending', 'queued'],
    running: ['running', 'started', 'in_progress', 'processing'],
    success: ['success', 'successful', 'succeeded', 'completed', 'complete', 'done'],
    failed: ['failed', 'failure', 'error'],
    skipped: ['skipped', 'cancelled', 'canceled'],
  },
}

/** The statement that maps the known words of other applications. */
export function mapping(table: string): string {
  const words = Object.entries(STATUS_WORDS[table] ?? {}).flatMap(([status, known]) =>
    known.map((word) => `('${word}', '${status}')`),
  )
  return `update ${table} set status = known.status from (values ${words.join(', ')}) as known (word, status)
  where translate(lower(btrim(${table}.status, E' \\t\\r\\n')), ' -', '__') = known.word and ${table}.status <> known.status`
}
