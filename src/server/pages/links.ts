import type { Site } from '../site.ts'

/** Parameters of an address, by the names of the flags. A list repeats its parameter; null and undefined leave it out. */
export type LinkParameters = Readonly<
  Record<string, string | number | readonly string[] | null | undefined>
>

/** What a link is made of: where the pages are, and the parameters of the page that shows it. */
export interface LinkBase {
  site: Pick<Site, 'basePath'>
  /** The path of the page, such as '/executions'. */
  path: string
  parameters: URLSearchParams
}

/** Parameters that each link to another page keeps. */
const KEPT = ['tz']

/** The address of a page: `href(view, '/executions', { status: 'failed' })`. */
export function href({ site, parameters }: LinkBase, path: string, given: LinkParameters = {}) {
  const kept = new URLSearchParams()
  for (const name of KEPT) for (const value of parameters.getAll(name)) kept.append(name, value)
  return addressOf(site, path, changed(kept, given))
}

/** The address of the same page with other values of some parameters; null removes one. */
export const hrefHere = ({ site, path, parameters }: LinkBase, given: LinkParameters) =>
  addressOf(site, path, changed(parameters, given))

/** The address of the same rows in the API, which has the same parameters. */
export const apiHref = ({ site, parameters }: LinkBase, path: string, given: LinkParameters = {}) =>
  addressOf(site, `/api/v1${path}`, changed(parameters, given))

/** The same as a CSV file. A link cannot ask for a format, so this address does. */
export const csvHref = ({ site, parameters }: LinkBase, path: string, given: LinkParameters = {}) =>
  addressOf(site, `/csv${path}`, changed(parameters, given))

export const executionHref = (base: LinkBase, id: string) =>
  href(base, `/executions/${encodeURIComponent(id)}`)

/** A value of a filter, which must match exactly. A text with a comma is a list, except if it is given twice. */
export const exactly = (value: string): string | string[] =>
  value.includes(',') || value !== value.trim() ? [value, value] : value

function changed(parameters: URLSearchParams, given: LinkParameters): URLSearchParams {
  const all = new URLSearchParams(parameters)
  for (const [name, value] of Object.entries(given)) {
    all.delete(name)
    for (const one of [value ?? []].flat()) all.append(name, String(one))
  }
  return all
}

function addressOf(site: LinkBase['site'], path: string, parameters: URLSearchParams): string {
  const query = String(parameters)
  return `${site.basePath}${path}${query && `?${query}`}`
}
