// npm run bench -- read [--rows N] [--json]
const benches = { read: () => import('./read.js') }
const [name, ...words] = process.argv.slice(2)
const bench = benches[name]
if (!bench) {
  process.stderr.write(`npm run bench -- ${Object.keys(benches).join('|')} [--runs N] [--json]\n`)
  process.exitCode = 2
} else {
  const { run } = await bench()
  await run(words)
}
