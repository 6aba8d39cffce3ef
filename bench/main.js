// npm run bench -- read [--runs N] [--json]
// npm run bench -- write [--rounds N] [--memory] [--json]
// npm run bench -- startup [--rounds N] [--peers] [--json]
const benches = {
  read: () => import('./read.js'),
  write: () => import('./write.js'),
  startup: () => import('./startup.js'),
}
const [name, ...words] = process.argv.slice(2)
const bench = benches[name]
if (!bench) {
  process.stderr.write(
    `npm run bench -- ${Object.keys(benches).join('|')} [--runs N] [--rounds N] [--memory] [--peers] [--json]\n`,
  )
  process.exitCode = 2
} else {
  const { run } = await bench()
  await run(words)
}
