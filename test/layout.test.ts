import { readdirSync, readFileSync } from 'node:fs'
import { dirname, join, relative, resolve } from 'node:path'
import { expect, it } from 'vitest'

const src = resolve(import.meta.dirname, '../src')

interface Source {
  path: string
  text: string
  /** Files of ours as paths below src, packages by name. */
  imports: string[]
}

const sources: Source[] = readdirSync(src, { recursive: true, encoding: 'utf8' })
  .filter((path) => path.endsWith('.ts'))
  .map((path) => {
    const text = readFileSync(join(src, path), 'utf8')
    const specifiers = [...text.matchAll(/(?:from|import\()\s*'([^']+)'/g)].map(
      (match) => match[1] as string,
    )
    const imports = specifiers.map((name) =>
      name.startsWith('.') ? relative(src, resolve(src, dirname(path), name)) : name,
    )
    return { path: path.replaceAll('\\', '/'), text, imports }
  })

const importers = (of: RegExp, except: RegExp) =>
  sources
    .filter(({ path, imports }) => !except.test(path) && imports.some((name) => of.test(name)))
    .map(({ path }) => path)

it('knowledge flows one way: only the command line imports the command line', () => {
  expect(importers(/^cli\//, /^cli\//)).toEqual([])
})
it('error.ts imports nothing', () => {
  expect(sources.find(({ path }) => path === 'error.ts')?.imports).toEqual([])
})
it('the database layer knows neither queries nor the store', () => {
  expect(importers(/^(queries|record|store)/, /^(?!db\/)/)).toEqual([])
})
it('queries know neither the recorder nor the store', () => {
  expect(importers(/^(record|store)/, /^(?!queries\/)/)).toEqual([])
})
it('commands never import each other', () => {
  expect(importers(/^cli\/commands\//, /^cli\/program\.ts$/)).toEqual([])
})
it('the output layer knows neither queries nor the database, and alone imports cli-table3 and kleur', () => {
  expect(importers(/^(queries|db|store|record)/, /^(?!cli\/output\/)/)).toEqual([])
  expect(importers(/^(cli-table3|kleur)/, /^cli\/output\//)).toEqual([])
})
it('only the charts of the page know d3, and only the report knows the page, and loads it when it writes one', () => {
  expect(importers(/^d3-/, /^cli\/html\/chart\.ts$/)).toEqual([])
  expect(importers(/^cli\/html\//, /^cli\/(html\/|commands\/report\.ts$)/)).toEqual([])
  const report = sources.find(({ path }) => path === 'cli/commands/report.ts')
  expect(report?.text).not.toMatch(/^import (?!type).*'\.\.\/html\//m)
})
it('only the migrations of the database layer know node-pg-migrate, and load it when used', () => {
  const users = sources.filter(({ imports }) => imports.includes('node-pg-migrate'))
  for (const { path, text } of users) {
    expect(path).toMatch(/^db\//)
    expect(text).not.toMatch(/^import (?!type).*'node-pg-migrate'/m)
  }
  expect(users).toHaveLength(1)
})
it('nothing below bin touches the process, but for what a server needs to know of it', () => {
  const allowed = /process\.(platform|arch|kill|pid|execPath|getuid)\b/g
  // workflowStore is ready-made, so nobody hands it an environment; it asks when it is first used.
  const ofTheLibrary = '(() => ({ env: process.env, cwd: process.cwd() }))'
  const touching = sources
    .map(({ path, text }) => ({
      path,
      text: path === 'index.ts' ? text.replace(ofTheLibrary, '') : text,
    }))
    .filter(({ text }) => /\bprocess\.\w|\bconsole\.\w/.test(text.replace(allowed, '')))
    .map(({ path }) => path)
  expect(touching).toEqual([])
})
