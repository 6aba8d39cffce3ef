import type { Hono } from 'hono'
import type pg from 'pg'
import { type DoctorFinding, examine } from '../../queries/doctor/doctor.ts'
import { html } from '../markup/markup.ts'
import type { Site, SiteEnv } from '../site.ts'
import { time } from './cells.ts'
import { findingsOf } from './health/findings.ts'
import { hrefHere } from './links.ts'
import { pageWithoutConnection } from './page.ts'
import { checkParameters, flagOf } from './parameters.ts'

/** Readers that come within this time get the same answer: the checks read much. */
const FRESH_MS = 10_000

interface Examined {
  at: Date
  isRunning: boolean
  findings: Promise<DoctorFinding[]>
}

/** What `wfstore doctor` finds. It also answers if the database has no schema, or one of another version. */
export function addHealth(app: Hono<SiteEnv>, site: Site): void {
  const last = new Map<boolean, Examined>()

  function examined(full: boolean): Examined {
    const now = site.now()
    const known = last.get(full)
    // A check of all rows may take longer: further ones would take all turns.
    if (known && (known.isRunning || now.getTime() - known.at.getTime() < FRESH_MS)) return known
    // It is for all readers, so it does not end when the one that asked first leaves.
    const findings = site.database.unchecked(site.stopping, ({ client, replica }) =>
      examine(client as pg.Client, { full, replica, now: () => site.now().getTime() }),
    )
    const begun = { at: now, isRunning: true, findings }
    last.set(full, begun)
    const end = () => {
      begun.isRunning = false
    }
    findings.then(end, () => last.delete(full))
    return begun
  }

  pageWithoutConnection(app, site, '/health', async (request) => {
    checkParameters(request, ['full'])
    const full = flagOf(request, 'full')
    const { at, findings } = examined(full)
    return {
      title: 'Health',
      about: html`Checked at ${time(request, at.toISOString())}, ${full ? 'all rows' : html`large tables by a sample; <a href="${hrefHere(request, { full: 'true' })}">check all rows</a>`}. Nothing is changed by the checks.`,
      body: findingsOf(site, await findings),
    }
  })
}
