import { html, type Markup, name, textOf } from '../markup/markup.ts'
import { ASSETS } from '../pages/assets.ts'
import type { Site } from '../site.ts'
import type { LoginPages } from './access.ts'
import { TOKEN_COOKIE, tokenOf } from './bearer.ts'
import type { CheckToken, TokenHolder } from './tokens.ts'

interface LoginOptions extends Pick<Site, 'basePath' | 'now'> {
  check: CheckToken
  /** The server is behind a proxy, which says whether the browser uses TLS. */
  behindProxy: boolean
}

/** The cookie of a token that does not expire is kept for this long. */
const LONGEST_MS = 30 * 86_400_000

/** The page where a browser gives its token once. The token is kept in a cookie that no script can read. */
export function tokenLogin(options: LoginOptions): LoginPages {
  const { basePath, check } = options
  const logIn = async (request: Request, address?: string): Promise<Response> => {
    const form = await formOf(request)
    const next = nextOf(options, form.get('next'))
    const token = form.get('token')?.trim() ?? ''
    const found = await check(token, address)
    if (typeof found !== 'string')
      return leaveTo(next, cookieOf(options, request, token, lifeOf(options, found)))
    if (found === 'busy')
      return page(
        options,
        loginForm(options, next, 'Too many tries. Try again in a minute.'),
        429,
        {
          'retry-after': '60',
        },
      )
    const why = 'The token is unknown, expired or revoked.'
    return page(options, loginForm(options, next, why), 401)
  }
  const show = async (request: Request, address?: string): Promise<Response> => {
    const next = nextOf(options, new URL(request.url).searchParams.get('next'))
    // After a link on another site the browser has kept the cookie back. A navigation of this page sends it.
    if (tokenOf(request) === undefined && request.headers.get('sec-fetch-site') === 'cross-site')
      return page(options, forwarding(next), 200)
    const token = tokenOf(request)
    const found = token === undefined ? 'wrong' : await check(token, address)
    const body = typeof found === 'string' ? loginForm(options, next) : loggedIn(options, found)
    return page(options, body, 200)
  }
  return {
    paths: ['/login', '/logout'],
    answer: async (request, address) => {
      const isLogin = new URL(request.url).pathname.replace(/\/$/, '') === `${basePath}/login`
      if (request.method === 'GET' || request.method === 'HEAD')
        return isLogin ? show(request, address) : leaveTo(`${basePath}/login`)
      if (request.method !== 'POST')
        return new Response('method not allowed\n', {
          status: 405,
          headers: { allow: 'GET, HEAD, POST' },
        })
      if (isLogin) return logIn(request, address)
      return leaveTo(`${basePath}/login`, cookieOf(options, request, '', 0))
    },
  }
}

async function formOf(request: Request): Promise<URLSearchParams> {
  const type = request.headers.get('content-type') ?? ''
  const isForm = /^application\/x-www-form-urlencoded\b/i.test(type)
  return new URLSearchParams(isForm ? await request.text() : '')
}

/** Where the browser goes after the login: a page of this server, and no other. */
function nextOf({ basePath }: LoginOptions, given: string | null): string {
  const here = 'http://here.invalid'
  const start = `${basePath}/`
  if (given === null || !URL.canParse(given, here)) return start
  const { origin, pathname, search } = new URL(given, here)
  const isPage = origin === here && pathname.startsWith(start) && !pathname.startsWith('//')
  return isPage ? pathname + search : start
}

const lifeOf = ({ now }: LoginOptions, { expires }: TokenHolder): number =>
  Math.min(LONGEST_MS, (expires ?? Infinity) - now().getTime())

function cookieOf(
  { basePath, behindProxy }: LoginOptions,
  { url, headers }: Request,
  token: string,
  lifeMs: number,
): string {
  const isSecure =
    new URL(url).protocol === 'https:' ||
    (behindProxy && headers.get('x-forwarded-proto')?.split(',')[0]?.trim() === 'https')
  const path = basePath || '/'
  return `${TOKEN_COOKIE}=${token}; Path=${path}; Max-Age=${Math.floor(lifeMs / 1000)}; HttpOnly; SameSite=Strict${isSecure ? '; Secure' : ''}`
}

const leaveTo = (location: string, cookie?: string): Response =>
  new Response(null, {
    status: 303,
    headers: { location, ...(cookie === undefined ? {} : { 'set-cookie': cookie }) },
  })

interface Body {
  title: string
  head?: Markup
  main: Markup
}

const loginForm = ({ basePath }: LoginOptions, next: string, problem?: string): Body => ({
  title: 'Log in',
  main: html`<form class="login" method="post" action="${basePath}/login">
${problem !== undefined && html`<p class="notice bad" role="alert" id="problem">${problem}</p>`}
<input name="user" autocomplete="username" value="wfstore" hidden>
<label for="token">Token</label>
<input id="token" name="token" type="password" required autofocus autocomplete="current-password" spellcheck="false" placeholder="wfs_…"${problem !== undefined && html` aria-invalid="true" aria-describedby="problem"`}>
<input name="next" type="hidden" value="${next}">
<button class="button main">Log in</button>
<p class="note">The operator of this server creates tokens: <code>wfstore token create</code></p>
</form>`,
})

const loggedIn = ({ basePath }: LoginOptions, { caller }: TokenHolder): Body => ({
  title: 'Logged in',
  main: html`<form class="login" method="post" action="${basePath}/logout">
<p>You use the token ${name(caller.name)}, which may ${caller.can}.</p>
<p><a href="${basePath}/">Go to the pages</a></p>
<button class="button">Log out</button>
</form>`,
})

const forwarding = (next: string): Body => ({
  title: 'Opening the page',
  head: html`<meta http-equiv="refresh" content="0; url=${next}">`,
  main: html`<p><a href="${next}">Open the page</a></p>`,
})

function page(
  { basePath }: LoginOptions,
  { title, head, main }: Body,
  status: number,
  headers: Record<string, string> = {},
): Response {
  const text = textOf(html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
${head}
<title>${title} · wfstore</title>
<link rel="icon" type="image/svg+xml" href="${basePath}${ASSETS.icon.path}">
<link rel="stylesheet" href="${basePath}${ASSETS.style.path}">
</head>
<body>
<header class="top"><a class="brand" href="${basePath}/">wfstore</a></header>
<main id="main">
<h1>${title}</h1>
${main}
</main>
</body>
</html>
`)
  return new Response(text, {
    status,
    headers: {
      'content-type': 'text/html; charset=utf-8',
      'cache-control': 'no-store',
      // Without it the origin of the form would be null, also for browsers that do not say from which site a request comes.
      'referrer-policy': 'same-origin',
      ...headers,
    },
  })
}
