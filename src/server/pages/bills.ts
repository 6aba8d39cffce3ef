import type { Hono } from 'hono'
import type { Site, SiteEnv } from '../site.ts'
import { billPage } from './bills/bill.ts'
import { addFocus } from './bills/focus.ts'
import { billsPage } from './bills/list.ts'
import { periodPage } from './bills/period.ts'
import { recordsPage } from './bills/records.ts'
import { statementsPage } from './bills/statements.ts'
import { page } from './page.ts'

export function addBills(app: Hono<SiteEnv>, site: Site): void {
  page(app, site, '/bills', billsPage)
  page(app, site, '/bills/:period', periodPage)
  page(app, site, '/bills/:period/statements', statementsPage)
  page(app, site, '/bills/:period/records', recordsPage)
  addFocus(app, site)
  page(app, site, '/bills/:period/:id', billPage)
}
