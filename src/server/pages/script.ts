/**
 * The script of the pages: live updates, the time zone of the browser, and sorting of whole tables. Without it the pages have
 * the same content.
 */
export const SCRIPT = `'use strict'
const root = document.documentElement
const zone = Intl.DateTimeFormat().resolvedOptions().timeZone
if (zone && !/(^|; )wfstore_tz=/.test(document.cookie)) {
  document.cookie = 'wfstore_tz=' + encodeURIComponent(zone) + '; path=' + (root.dataset.base || '/') + '; max-age=31536000; samesite=lax'
  // Only once, and only if the browser keeps cookies.
  const isNamed = new URLSearchParams(location.search).has('tz')
  if (root.dataset.zone && root.dataset.zone !== zone && !isNamed && /(^|; )wfstore_tz=/.test(document.cookie)) location.reload()
}

const pad = (n) => String(n).padStart(2, '0')
const elapsed = (ms) => {
  const s = Math.round(ms / 1000)
  if (s < 60) return s + 's'
  if (s < 3600) return Math.floor(s / 60) + 'm ' + pad(s % 60) + 's'
  const m = Math.round(ms / 60000)
  if (m < 1440) return Math.floor(m / 60) + 'h ' + pad(m % 60) + 'm'
  const h = Math.round(ms / 3600000)
  return Math.floor(h / 24) + 'd ' + pad(h % 24) + 'h'
}
const main = document.getElementById('main')
const skew = Number(main.dataset.now || Date.now()) - Date.now()
const count = () => {
  for (const place of document.querySelectorAll('[data-since]')) {
    const ms = Date.now() + skew - Date.parse(place.dataset.since)
    const text = ms >= 0 ? elapsed(ms) : '–'
    if (place.textContent !== text) place.textContent = text
  }
}
if (document.querySelector('[data-since]') || main.dataset.events) setInterval(count, 1000)

// Changes what differs, so that focus, selection and scroll positions stay.
const keyOf = (node) => (node.nodeType === 1 ? node.dataset.key || node.id || '' : '')
const morph = (old, next) => {
  if (old.nodeType !== next.nodeType || old.nodeName !== next.nodeName || keyOf(old) !== keyOf(next)) return old.replaceWith(next)
  if (old.nodeType !== 1) {
    if (old.nodeValue !== next.nodeValue) old.nodeValue = next.nodeValue
    return
  }
  if (old.isEqualNode(next)) return
  for (const { name } of [...old.attributes]) if (!next.hasAttribute(name) && name !== 'open') old.removeAttribute(name)
  for (const { name, value } of next.attributes) if (old.getAttribute(name) !== value) old.setAttribute(name, value)
  if (old.dataset.since) return
  const kept = new Map([...old.childNodes].filter(keyOf).map((node) => [keyOf(node), node]))
  let at = old.firstChild
  for (const node of [...next.childNodes]) {
    const key = keyOf(node)
    const same = key ? kept.get(key) : at && !keyOf(at) ? at : undefined
    if (same) {
      if (same === at) at = at.nextSibling
      else old.insertBefore(same, at)
      morph(same, node)
    } else {
      old.insertBefore(node, at)
      if (key) node.classList.add('changed')
    }
  }
  while (at) {
    const gone = at
    at = at.nextSibling
    gone.remove()
  }
}

const live = document.getElementById('live')
const away = document.getElementById('away')
const say = (place, text) => {
  if (place.textContent !== text) place.textContent = text
}
const state = (isLive, problem) => {
  live.classList.toggle('off', !isLive)
  say(live, isLive ? 'Live' : 'Not live')
  say(away, problem || '')
}
// Read out at most every 15 seconds.
let telling
let told = 0
const tell = (text) => {
  clearTimeout(telling)
  telling = setTimeout(() => {
    told = Date.now()
    say(document.getElementById('news'), text)
  }, Math.max(0, told + 15000 - Date.now()))
}
let losing
const listen = () => {
  const source = new EventSource(main.dataset.events)
  source.addEventListener('part', ({ data }) => {
    const { id, html } = JSON.parse(data)
    const place = document.getElementById(id)
    if (id === 'news') return tell(new DOMParser().parseFromString(html, 'text/html').body.textContent)
    const part = new DOMParser().parseFromString(html, 'text/html').body.firstChild
    if (place && part) morph(place, document.adoptNode(part))
    count()
  })
  source.addEventListener('state', ({ data }) => {
    const { problem } = JSON.parse(data)
    clearTimeout(losing)
    losing = undefined
    state(!problem, problem)
  })
  source.addEventListener('stop', () => {
    state(false, 'The server is stopping. This page continues when it is back.')
  })
  source.addEventListener('error', () => {
    // The browser connects again by itself, except after a status such as 401 or 503.
    const ended = source.readyState === 2
    if (ended) setTimeout(listen, 30000)
    losing ??= setTimeout(() => state(false, away.textContent || (ended ? 'Live updates have ended. Load the page again for the current state.' : 'The server does not answer. This page shows what was last known.')), ended ? 0 : 5000)
  })
  addEventListener('pagehide', () => source.close(), { once: true })
}
if (main.dataset.events) listen()
addEventListener('pageshow', ({ persisted }) => {
  if (persisted && main.dataset.events) listen()
})

for (const link of document.querySelectorAll('a.print, button.print')) {
  link.addEventListener('click', () => setTimeout(print))
}
`
