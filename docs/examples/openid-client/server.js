// A web app that signs people in with Keyturn, by openid-client 6 and Express. It is a confidential client: it
// authenticates with a secret (CLIENT_SECRET) or with a key of its own (KEY_FILE, PKCS #8, EdDSA), and tokens
// never reach the browser.

import { randomBytes } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import cookieParser from 'cookie-parser'
import express from 'express'
import { createRemoteJWKSet, importPKCS8, jwtVerify } from 'jose'
import * as client from 'openid-client'
import { failed, signedIn, signedOut } from './pages.js'

const { ISSUER = 'http://127.0.0.1:8080', CLIENT_ID, CLIENT_SECRET, KEY_FILE, LISTEN = 'localhost:3000' } = process.env
const home = `http://${LISTEN}/`
if (!CLIENT_ID || !(CLIENT_SECRET || KEY_FILE)) {
  console.error('set CLIENT_ID and CLIENT_SECRET (or KEY_FILE); keyturn client create prints both')
  process.exit(1)
}

// One call reads every endpoint and the place of the keys from ISSUER/.well-known/openid-configuration.
const config = await client.discovery(
  new URL(ISSUER),
  CLIENT_ID,
  { userinfo_signed_response_alg: 'RS256' }, // as registered: --userinfo-algorithm RS256
  KEY_FILE
    ? client.PrivateKeyJwt(await importPKCS8(await readFile(KEY_FILE, 'utf8'), 'EdDSA'))
    : client.ClientSecretBasic(CLIENT_SECRET),
  // Plain http is for a provider on the same machine.
  { execute: ISSUER.startsWith('http:') ? [client.allowInsecureRequests] : [] },
)
// Check the signatures of ID tokens and UserInfo too, beside the TLS connection that they came by. Keys are
// fetched when they are first needed, and again as they turn.
client.enableNonRepudiationChecks(config)
const keys = createRemoteJWKSet(new URL(config.serverMetadata().jwks_uri))

const logins = new Map() // sign-ins that have begun, by the value of a cookie
const sessions = new Map() // people who are signed in; a real app keeps both in its database

const app = express()
app.use(cookieParser(), express.urlencoded({ extended: false }))

app.get('/', (req, res) => {
  const session = sessions.get(req.cookies.app_session)
  res.send(session ? signedIn(session) : signedOut())
})

app.get('/login', async (req, res) => {
  const login = { state: client.randomState(), nonce: client.randomNonce(), verifier: client.randomPKCECodeVerifier() }
  // With form_post the answer comes as a form from another site. Browsers send only SameSite=None cookies with
  // it, and take these only with Secure, which localhost counts as.
  res.cookie('app_login', remember(logins, login), { httpOnly: true, secure: true, sameSite: 'none', maxAge: 600_000 })
  res.redirect(client.buildAuthorizationUrl(config, {
    redirect_uri: new URL('/callback', home).href, // registered, to the letter
    // Without offline_access there is no refresh token. Leave it out where signing in is all you need.
    scope: 'openid profile email offline_access',
    response_mode: 'form_post', // keeps the code out of the history and of logs
    state: login.state,
    nonce: login.nonce,
    code_challenge: await client.calculatePKCECodeChallenge(login.verifier),
    code_challenge_method: 'S256',
  }).href)
})

app.post('/callback', async (req, res) => {
  const login = forget(logins, req.cookies.app_login)
  res.clearCookie('app_login')
  if (!login) {
    return res.status(400).send(failed('This sign-in was not begun here, or too long ago.'))
  }
  const answer = new URL('/callback', home)
  answer.search = new URLSearchParams(req.body)
  const tokens = await client.authorizationCodeGrant(config, answer, {
    pkceCodeVerifier: login.verifier,
    expectedState: login.state,
    expectedNonce: login.nonce,
    idTokenExpected: true,
  })
  const session = {}
  await keep(session, tokens)
  // The ID token says who it is (sub, which never changes); what people are called is at UserInfo.
  session.person = await client.fetchUserInfo(config, tokens.access_token, tokens.claims().sub)
  session.sid = tokens.claims().sid // the session at Keyturn, which a logout token names
  res.cookie('app_session', remember(sessions, session), { httpOnly: true, sameSite: 'lax' }) // and secure with https
  res.redirect('/')
})

app.post('/refresh', async (req, res) => {
  const session = sessions.get(req.cookies.app_session)
  if (session) {
    await keep(session, await client.refreshTokenGrant(config, session.refreshToken))
  }
  res.redirect('/')
})

// Ends the session here, takes the refresh token back, which outlives the sign-in otherwise, and sends the
// browser to Keyturn to end the session there. With the ID token as a hint nobody is asked twice.
app.post('/logout', async (req, res) => {
  const session = forget(sessions, req.cookies.app_session)
  res.clearCookie('app_session')
  if (!session) {
    return res.redirect('/')
  }
  await client.tokenRevocation(config, session.refreshToken)
  res.redirect(client.buildEndSessionUrl(config, { id_token_hint: session.idToken, post_logout_redirect_uri: home }).href)
})

// Keyturn itself calls this when a session has ended there, whoever ended it.
app.post('/backchannel-logout', async (req, res) => {
  const { payload } = await jwtVerify(req.body.logout_token, keys, {
    issuer: ISSUER, audience: CLIENT_ID, typ: 'logout+jwt', requiredClaims: ['exp', 'iat', 'jti', 'sid'],
  })
  if (!payload.events?.['http://schemas.openid.net/event/backchannel-logout'] || 'nonce' in payload) {
    return res.status(400).send('no logout token')
  }
  for (const [id, session] of sessions) {
    if (session.sid === payload.sid) sessions.delete(id)
  }
  res.set('Cache-Control', 'no-store').sendStatus(200)
})

// What the client library throws ends up here.
app.use((err, req, res, next) => {
  console.error(err)
  if (err instanceof client.AuthorizationResponseError) { // access_denied: the person chose Cancel or Deny
    return res.status(403).send(failed(`Keyturn says ${err.error}: ${err.error_description}`))
  }
  if (err instanceof client.ResponseBodyError && err.error === 'invalid_grant') { // the sign-in has ended
    forget(sessions, req.cookies.app_session)
    return res.status(401).send(failed('Please sign in again.'))
  }
  // invalid_client comes with a challenge, and that is what openid-client throws.
  if (err instanceof client.WWWAuthenticateChallengeError && err.cause.some((c) => c.scheme === 'basic')) {
    return res.status(502).send(failed('Keyturn refuses CLIENT_ID and CLIENT_SECRET of this app (invalid_client).'))
  }
  res.status(502).send(failed('That did not work. Please try again.'))
})

// keep puts new tokens into the session. Keyturn answers each refresh with a new refresh token: the one before
// is good for half a minute more, for an answer that got lost, and counts as stolen after that.
async function keep(session, tokens) {
  session.accessToken = tokens.access_token
  session.refreshToken = tokens.refresh_token ?? session.refreshToken
  session.idToken = tokens.id_token
  session.introspection = await client.tokenIntrospection(config, tokens.access_token)
}

function remember(map, value) {
  const id = randomBytes(32).toString('base64url')
  map.set(id, value)
  return id
}

function forget(map, id) {
  const value = map.get(id)
  map.delete(id)
  return value
}

const [host, port] = LISTEN.split(':')
app.listen(Number(port), host, () => console.log(`listening on ${home}`))
