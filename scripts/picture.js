// Creates the pictures of docs/img: the output of commands on a terminal (tmux) with a new demo store, as SVG.
// npm run docs:pictures
import { execFileSync } from 'node:child_process'
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { eastAsianWidth } from 'get-east-asian-width'

const root = fileURLToPath(new URL('..', import.meta.url))
const LINES = 60
/** The size of a cell and of the margin, in pixels. */
const WIDTH = 8
const HEIGHT = 18
const MARGIN = 14
const COLOURS = { 1: 'red', 2: 'green', 3: 'yellow', 4: 'blue', 5: 'magenta', 6: 'cyan' }
const SGR_OR_CHARACTER = new RegExp(`${String.fromCharCode(27)}\\[([\\d;]*)m|(.)`, 'gu')

/** ID stands for a run of the demo with a failed step. */
const PICTURES = {
  terminal: {
    columns: 104,
    commands: [
      'executions list --limit 6',
      'errors --group --since 7d --limit 2',
      'cost --by model --since 30d',
    ],
  },
  show: { columns: 96, commands: ['executions show ID'] },
}

const folder = mkdtempSync(join(tmpdir(), 'wfstore-picture-'))
const env = { PATH: `${folder}:${process.env.PATH}`, HOME: folder, TZ: 'UTC', LC_ALL: 'C.UTF-8' }
const call = (file, ...words) => execFileSync(file, words, { cwd: folder, env, encoding: 'utf8' })
const tmux = (...words) => call('tmux', '-L', `wfstore-${process.pid}`, '-f', '/dev/null', ...words)
try {
  writeFileSync(
    join(folder, 'wfstore'),
    `#!/bin/sh\nexec ${process.execPath} ${root}bin/wfstore.js "$@"\n`,
  )
  chmodSync(join(folder, 'wfstore'), 0o755)
  call('wfstore', 'demo')
  const failed = ['--status', 'partial', '--workflow', 'Campaign brief']
  const id = call('wfstore', 'executions', 'list', ...failed, '--limit', '1', '-o', 'name').slice(
    0,
    8,
  )
  for (const [name, { columns, commands }] of Object.entries(PICTURES)) {
    const typed = commands.map((words) => `wfstore ${words.replace('ID', id)}`)
    const lines = screen(typed, columns)
    writeFileSync(join(root, `docs/img/${name}.svg`), svg(lines, columns, typed))
  }
} finally {
  call('wfstore', 'db', 'stop')
  rmSync(folder, { recursive: true, force: true })
}

/** The screen after these commands, with its escape sequences. */
function screen(commands, columns) {
  const script = commands.map(
    (line) => `printf '\\033[2m$\\033[0m \\033[1m%s\\033[0m\\n' '${line}'; ${line}; echo`,
  )
  writeFileSync(join(folder, 'script'), `${script.join('\n')}\ntmux wait-for -S done\nsleep 60\n`)
  tmux(
    'new-session',
    '-d',
    '-x',
    String(columns),
    '-y',
    String(LINES),
    `sh ${join(folder, 'script')}`,
  )
  tmux('wait-for', 'done')
  const text = tmux('capture-pane', '-e', '-p')
  tmux('kill-server')
  return text.trimEnd().split('\n')
}

/** The characters of a line with their column and style. A style continues on the next line. */
function* cells(line, style) {
  let column = 0
  for (const [, codes, char] of line.matchAll(SGR_OR_CHARACTER)) {
    if (char === undefined) for (const code of (codes || '0').split(';')) apply(style, Number(code))
    else {
      yield { char, column, style: [...Object.values(style)].filter(Boolean).join(' ') }
      column += eastAsianWidth(char.codePointAt(0))
    }
  }
}

function apply(style, code) {
  if (code === 0) for (const key of Object.keys(style)) delete style[key]
  else if (code === 1) style.weight = 'b'
  else if (code === 2) style.weight = 'd'
  else if (code === 22) delete style.weight
  else if (code === 39) delete style.colour
  else if ((code >= 31 && code <= 36) || (code >= 91 && code <= 96))
    style.colour = COLOURS[code % 10]
  else if (code === 90 || code === 37) style.colour = 'd'
}

/** Block characters become rectangles, so that bars have no gaps in any font: x, y, width, height as parts of a cell. */
function block(char) {
  const code = char.codePointAt(0)
  if (code >= 0x2581 && code <= 0x2588) return [0, (0x2588 - code) / 8, 1, (code - 0x2580) / 8]
  if (code >= 0x2589 && code <= 0x258f) return [0, 0, (0x2590 - code) / 8, 1]
  if (code >= 0x2591 && code <= 0x2593) return [0, 0, 1, 1, (code - 0x2590) / 4]
  return undefined
}

function svg(lines, columns, typed) {
  const style = {}
  const parts = lines.flatMap((line, row) => [...texts([...cells(line, style)], row)])
  const [width, height] = [columns * WIDTH + 2 * MARGIN, lines.length * HEIGHT + 2 * MARGIN]
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" role="img">
<title>On a terminal: ${escaped(typed.join(', '))}</title>
<style>
text{font:13px ui-monospace,SFMono-Regular,Menlo,Consolas,'DejaVu Sans Mono','Noto Sans Mono CJK SC',monospace;fill:#24292f;white-space:pre}
rect{fill:#24292f}.bg{fill:#f6f8fa;stroke:#d0d7de}.b{font-weight:700}.d{fill:#6e7781}.red{fill:#b42318}.green{fill:#116329}.yellow{fill:#7d4e00}.blue{fill:#0550ae}.magenta{fill:#8250df}.cyan{fill:#0b6b75}
@media(prefers-color-scheme:dark){text,rect{fill:#e6edf3}.bg{fill:#0d1117;stroke:#30363d}.d{fill:#8b949e}.red{fill:#ff7b72}.green{fill:#56d364}.yellow{fill:#e3b341}.blue{fill:#79c0ff}.magenta{fill:#d2a8ff}.cyan{fill:#76e3ea}}
</style>
<rect class="bg" x=".5" y=".5" width="${width - 1}" height="${height - 1}" rx="8"/>
${parts.join('\n')}
</svg>
`
}

/** Adjacent characters with the same style become one text element, adjacent equal blocks one rectangle. */
function* texts(row, line) {
  const y = MARGIN + line * HEIGHT
  for (let at = 0; at < row.length; ) {
    const { char, column, style } = row[at]
    const drawn = block(char)
    let end = at + 1
    const same = (next) =>
      next.style === style &&
      (drawn
        ? next.char === char && drawn[2] === 1
        : !block(next.char) && !(next.char === ' ' && row[end + 1]?.char === ' '))
    while (end < row.length && same(row[end])) end++
    const text = row
      .slice(at, end)
      .map((cell) => cell.char)
      .join('')
    const cellsWide =
      (row[end]?.column ?? row[end - 1].column + eastAsianWidth(row[end - 1].char.codePointAt(0))) -
      column
    const kind = style === '' ? '' : ` class="${style}"`
    if (drawn) {
      const [x, top, w, h, opacity] = drawn
      const size = `width="${(end - at - 1 + w) * WIDTH}" height="${h * HEIGHT}"${opacity ? ` opacity="${opacity}"` : ''}`
      yield `<rect${kind} x="${MARGIN + (column + x) * WIDTH}" y="${y + top * HEIGHT}" ${size}/>`
    } else if (text.trim() !== '') {
      const from = MARGIN + column * WIDTH
      yield `<text${kind} x="${from}" y="${y + 13}" textLength="${cellsWide * WIDTH}" lengthAdjust="spacingAndGlyphs">${escaped(text)}</text>`
    }
    at = end
  }
}

function escaped(text) {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;')
}
