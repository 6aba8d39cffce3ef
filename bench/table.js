// The output format of all benchmarks.
import { arch, cpus, loadavg, platform, totalmem } from 'node:os'

/** The conditions of a measurement: the machine without its name, and the versions and settings of both programs. */
export async function circumstances({ client, runs, rounds }) {
  const setting = async (name) => (await client.query(`show ${name}`)).rows[0][name]
  const [{ model }] = cpus()
  return {
    date: new Date().toISOString().slice(0, 10),
    cpu: model.trim(),
    cores: cpus().length,
    memoryGb: Math.round(totalmem() / 2 ** 30),
    system: `${platform()} ${arch()}`,
    loadBefore: load(),
    node: process.version,
    server: await setting('server_version'),
    settings: {
      fsync: await setting('fsync'),
      synchronous_commit: await setting('synchronous_commit'),
      shared_buffers: await setting('shared_buffers'),
      max_parallel_workers_per_gather: await setting('max_parallel_workers_per_gather'),
    },
    runs,
    rounds,
  }
}

export const load = () => Number(loadavg()[0].toFixed(1))

const isSpeed = (unit) => unit.endsWith('/s')

/** The goal is a minimum for a speed and a maximum for everything else. */
export const isMet = ({ unit, ratio, goal }) => (isSpeed(unit) ? ratio >= goal : ratio <= goal)

export function report({ about, parts }) {
  const rows = parts.flatMap((part) => part.rows)
  const [header, ...lines] = columns(
    ['measurement', 'wfstore', 'compared with', 'other', 'ratio', 'pairs', 'goal', 'met'],
    rows.map((row) => [
      row.name,
      amount(row.ours, row.unit),
      row.what,
      amount(row.theirs, row.unit),
      row.ratio.toFixed(2),
      String(row.pairs),
      `${isSpeed(row.unit) ? '≥' : '≤'} ${row.goal}`,
      row.met ? 'yes' : 'NO',
    ]),
    [0, 2],
  ).split('\n')
  // One block for each part.
  const blocks = parts.map((part) => lines.splice(0, part.rows.length).join('\n'))
  const settings = Object.entries(about.settings).map(([name, value]) => `${name} ${value}`)
  return [
    `${about.cpu}, ${about.cores} cores, ${about.memoryGb} GB, ${about.system}; load ${about.loadBefore} before, ${about.loadAfter} after`,
    `Node ${about.node}, PostgreSQL ${about.server} (${settings.join(', ')}); ${about.date}`,
    `a store of ${about.runs.toLocaleString('en')} runs; each value is the median of its pairs, also the ratio`,
    '',
    header,
    blocks.join('\n\n'),
  ].join('\n')
}

function amount(number, unit) {
  if (isSpeed(unit) || number >= 1000) return `${Math.round(number).toLocaleString('en')} ${unit}`
  return `${number.toFixed(number < 10 ? 2 : number < 100 ? 1 : 0)} ${unit}`
}

/** @param words the text columns; the other columns are numbers and aligned to the right */
export function columns(header, rows, words = [0]) {
  const all = [header, ...rows]
  const widths = header.map((_, column) => Math.max(...all.map((row) => row[column].length)))
  return all
    .map((row) =>
      row
        .map((cell, i) => (words.includes(i) ? cell.padEnd(widths[i]) : cell.padStart(widths[i])))
        .join('  ')
        .trimEnd(),
    )
    .join('\n')
}
