// A small site that logs people in with openid-client 6. docs/integrate shows
// its parts; ./peers runs it. Sessions are in memory: fine for one process.
import { createServer } from 'node:http'
// region: configure
import { createHash, randomUUID } from 'node:crypto'
import * as oidc from 'openid-client'

const { ISSUER, CLIENT_ID, CLIENT_SECRET, PORT = '3000', SCOPE = 'openid profile email' } = process.env
const SITE = `http://localhost:${PORT}`

const issuer = new URL(ISSUER)
const config = await oidc.discovery(issuer, CLIENT_ID, undefined, await authentication(), {
  // Plain http is for a broker on your own machine.
  execute: issuer.protocol === 'http:' ? [oidc.allowInsecureRequests] : [],
})
// Without this openid-client trusts TLS and leaves the ID token's signature unread.
oidc.enableNonRepudiationChecks(config)
// endregion

// region: authentication
async function authentication() {
  if (process.env.CLIENT_KEY) return privateKey(process.env.CLIENT_KEY)
  return CLIENT_SECRET ? oidc.ClientSecretBasic(CLIENT_SECRET) : oidc.None() // None: a public client
}
// endregion

// region: private_key_jwt
async function privateKey(file) {
  const { createPrivateKey } = await import('node:crypto')
  const { readFile } = await import('node:fs/promises')
  const der = createPrivateKey(await readFile(file)).export({ type: 'pkcs8', format: 'der' })
  const curve = { name: 'ECDSA', namedCurve: 'P-256' }
  return oidc.PrivateKeyJwt(await crypto.subtle.importKey('pkcs8', der, curve, false, ['sign']))
}
// endregion

// region: login
async function login(session, query) {
  const verifier = oidc.randomPKCECodeVerifier()
  session.pending = { verifier, state: oidc.randomState(), nonce: oidc.randomNonce() }
  const parameters = {
    redirect_uri: `${SITE}/callback`,
    scope: SCOPE,
    code_challenge: await oidc.calculatePKCECodeChallenge(verifier),
    code_challenge_method: 'S256',
    state: session.pending.state,
    nonce: session.pending.nonce,
  }
  // What a page of ours may ask for by its link, and nothing else of it.
  for (const name of ['prompt', 'max_age', 'acr_values']) {
    if (query.has(name)) parameters[name] = query.get(name)
  }
  return authorizationURL(parameters)
}
// endregion

async function authorizationURL(parameters) {
  if (process.env.RESPONSE_MODE) parameters.response_mode = process.env.RESPONSE_MODE
  if (process.env.PAR) {
    // region: par
    return await oidc.buildAuthorizationUrlWithPAR(config, parameters)
    // endregion
  }
  return oidc.buildAuthorizationUrl(config, parameters)
}

// region: callback
// answer is the URL the person came back to, or the Request of a form_post.
async function callback(session, answer) {
  const { verifier, state, nonce } = session.pending ?? {}
  delete session.pending // one answer for one question
  const tokens = await oidc.authorizationCodeGrant(config, answer, {
    pkceCodeVerifier: verifier,
    expectedState: state,
    expectedNonce: nonce,
    idTokenExpected: true,
  })
  const claims = tokens.claims()
  // openid-client leaves at_hash to you (OpenID Connect Core 3.1.3.8).
  const hash = createHash('sha256').update(tokens.access_token).digest()
  if (claims.at_hash !== hash.subarray(0, 16).toString('base64url')) throw new Error('at_hash is of another access token')
  const userinfo = await oidc.fetchUserInfo(config, tokens.access_token, claims.sub)
  return { tokens, claims, userinfo }
}
// endregion

// region: refresh
async function refresh(session) {
  const tokens = await oidc.refreshTokenGrant(config, session.tokens.refresh_token)
  // A new refresh token replaces the one just used; an ID token may come or not.
  session.tokens = { ...session.tokens, ...tokens }
  session.claims = tokens.claims?.() ?? session.claims
  session.userinfo = await oidc.fetchUserInfo(config, tokens.access_token, session.claims.sub)
}
// endregion

// region: logout
function logout(session) {
  return oidc.buildEndSessionUrl(config, {
    id_token_hint: session.tokens.id_token,
    post_logout_redirect_uri: `${SITE}/`,
  })
}
// endregion

async function revoke(session) {
  // region: revoke
  await oidc.tokenRevocation(config, session.tokens.access_token)
  // endregion
  session.userinfo = await oidc.fetchUserInfo(config, session.tokens.access_token, session.claims.sub)
}

// What follows has nothing to do with OpenID Connect: cookies, routes, pages.

const sessions = new Map()
const cookie = `site-${PORT}` // every port of localhost shares one cookie jar

function sessionOf(request, response) {
  const id = (request.headers.cookie ?? '').split('; ').find((c) => c.startsWith(`${cookie}=`))?.slice(cookie.length + 1)
  return sessions.get(id) ?? newSession(response, id, {})
}

// A login gets a new cookie, so that nobody can have prepared it.
function newSession(response, old, session) {
  sessions.delete(old)
  session.id = randomUUID()
  sessions.set(session.id, session)
  response.setHeader('set-cookie', `${cookie}=${session.id}; Path=/; HttpOnly; SameSite=Lax`)
  return session
}

async function body(request) {
  const parts = []
  for await (const part of request) parts.push(part)
  return Buffer.concat(parts).toString()
}

function page(session) {
  const escape = (text) => text.replace(/[&<>]/g, (c) => `&#${c.charCodeAt(0)};`)
  const button = (name, method = 'post') => `<form id="${name}" method="${method}" action="/${name}"><button>${name}</button></form>`
  if (!session.claims) return `<!doctype html><title>site</title>${button('login', 'get')}`
  const person = escape(JSON.stringify({ claims: session.claims, userinfo: session.userinfo }))
  return `<!doctype html><title>site</title><pre id="person">${person}</pre>
    ${button('login', 'get')}${button('refresh')}${button('revoke')}${button('logout')}`
}

async function answer(request, response) {
  const url = new URL(request.url, SITE)
  const session = sessionOf(request, response)
  const to = (location) => response.writeHead(303, { location: String(location) }).end()
  switch (`${request.method} ${url.pathname}`) {
    case 'GET /':
      return response.writeHead(200, { 'content-type': 'text/html; charset=utf-8' }).end(page(session))
    case 'GET /login':
      return to(await login(session, url.searchParams))
    case 'GET /callback':
      newSession(response, session.id, await callback(session, url))
      return to('/')
    case 'POST /callback': {
      const posted = new Request(url, { method: 'POST', headers: { 'content-type': request.headers['content-type'] }, body: await body(request) })
      newSession(response, session.id, await callback(session, posted))
      return to('/')
    }
    case 'POST /refresh':
      await refresh(session)
      return to('/')
    case 'POST /revoke':
      await revoke(session)
      return to('/')
    case 'POST /logout':
      sessions.delete(session.id)
      return to(logout(session))
  }
  response.writeHead(404).end()
}

// why is an error with its causes, on one line: the last says most.
function why(err) {
  const words = []
  for (let e = err; e instanceof Error; e = e.cause) {
    words.push(e.error, e.error_description, e.message)
    if (Array.isArray(e.cause)) words.push(...e.cause.map((challenge) => challenge.parameters.error)) // of a 401
  }
  return words.filter(Boolean).join(': ')
}

createServer((request, response) => {
  answer(request, response).catch((err) => {
    console.error('login failed:', why(err))
    response.writeHead(400, { 'content-type': 'text/html; charset=utf-8' }).end(page({}))
  })
}).listen(PORT, '127.0.0.1', () => console.log(`ready ${SITE}`))
