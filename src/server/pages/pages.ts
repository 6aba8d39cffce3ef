import type { Hono } from 'hono'
import type { Site, SiteEnv } from '../site.ts'
import { addAssets } from './assets.ts'
import { addBills } from './bills.ts'
import { addCleanup } from './cleanup.ts'
import { addCost } from './cost.ts'
import { addCsv } from './csv.ts'
import { addErrors } from './errors.ts'
import { addEvents } from './events.ts'
import { addExecution } from './execution.ts'
import { addExecutions } from './executions.ts'
import { addHealth } from './health.ts'
import { addNow } from './now.ts'
import { addMissing } from './page.ts'
import { addReport } from './report.ts'

/** The pages for people. */
export function addPages(app: Hono<SiteEnv>, site: Site): void {
  addAssets(app, site)
  addNow(app, site)
  addExecutions(app, site)
  addExecution(app, site)
  addErrors(app, site)
  addCost(app, site)
  addBills(app, site)
  addCleanup(app, site)
  addHealth(app, site)
  addReport(app, site)
  addEvents(app, site)
  addCsv(app, site)
  addMissing(app, site)
}
