import { expect, it } from 'vitest'
import { metricId } from '../../../src/queries/metrics/rollup-values.ts'
import { createDatabase } from '../../support/database.ts'

it('the id of a value is that of its array as jsonb, also with quotes, control characters and no dimensions', async () => {
  const database = await createDatabase('metric_id')
  try {
    const asJsonb = `jsonb_build_array('wfstore', 'metric', period, extract(epoch from start)::text, name, type, dimensions)`
    const rows = await database.sql(`
      select ${metricId('period', 'start', 'name', 'type', 'dimensions')} as id, encode(sha256(convert_to((${asJsonb})::text, 'UTF8')), 'hex') as hash
      from (values ('hour', '2026-11-01T00:00:00.25Z'::timestamptz, 'user_1', 'cost', '{"mode": "Sales", "model": null}'::jsonb),
        ('day', '1800-01-01Z', E'a"b\\\\c\\n\\t\\u0001\\u007f/<é\\u2028', 'token_usage', '{"tool": "x\\"y"}'),
        ('month', '2026-11-01Z', '', '', null)) as v (period, start, name, type, dimensions)`)
    // Version 8, and the variant of RFC 9562.
    const idOf = (hash: string) => {
      const variant = '89ab'[Number.parseInt(hash[16] ?? '', 16) % 4]
      return `${hash.slice(0, 8)}-${hash.slice(8, 12)}-8${hash.slice(13, 16)}-${variant}${hash.slice(17, 20)}-${hash.slice(20, 32)}`
    }
    expect(rows.map(({ id }) => id)).toEqual(rows.map(({ hash }) => idOf(String(hash))))
  } finally {
    await database.drop()
  }
})
