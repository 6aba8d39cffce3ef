// node cleanup-child.js URL CUTOFF [ARCHIVE]: runs one cleanup in its own process and prints its time and memory.
import { archiveInFolder, openStore } from '../dist/index.js'

const [databaseUrl, before, folder] = process.argv.slice(2)
const store = openStore({ databaseUrl })
const archive = folder ? archiveInFolder(folder) : undefined
const start = performance.now()
const { removed } = await store.cleanup({ before, archive, allowAll: true })
const ms = performance.now() - start
await store.close()
const rss = process.resourceUsage().maxRSS / 1024
process.stdout.write(JSON.stringify({ ms, rss, removed }))
