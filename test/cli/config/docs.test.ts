import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { INGEST } from '../../../src/cli/config/ingest.ts'
import { parseConfig } from '../../../src/cli/config/parse.ts'
import { SERVE } from '../../../src/cli/config/serve.ts'
import { DEFAULT_MAPPING } from '../../../src/record/otel/mapping.ts'

const page = readFileSync(join(import.meta.dirname, '../../../docs/CONFIG.md'), 'utf8')
const parse = (content: string) =>
  parseConfig({ path: '/x/wfstore.config.json', bytes: Buffer.from(content), othersMayRead: false })

it('the example of docs/CONFIG.md is a config', () => {
  const example = /```json\n(.*?)```/s.exec(page)?.[1] as string
  expect([...parse(example).profiles.keys()]).toEqual(['local', 'staging', 'prod'])
})

describe('docs/CONFIG.md, Ingest', () => {
  it('has an example, and a row for each key', () => {
    const [example = ''] = page.match(/(?<=```jsonc\n)[\s\S]*?(?=```)/) ?? []
    expect(Object.keys(parse(example).ingest)).toContain('tags')
    for (const key of Object.keys({ ...INGEST, ...SERVE }))
      expect(page).toContain(`\n| \`${key}\` `)
  })

  it('has the default attributes in their order', () => {
    for (const field of ['workflow', 'user', 'session', 'mode'] as const) {
      const [line = ''] =
        page.match(new RegExp(`\n- \`${field}\`: [\\s\\S]*?(?=\n- |\n\n|; )`)) ?? []
      const [, ...names] = [...line.matchAll(/`([^`]+)`/g)].map(([, name]) => name)
      expect([field, names]).toEqual([field, DEFAULT_MAPPING[field]])
    }
  })
})
