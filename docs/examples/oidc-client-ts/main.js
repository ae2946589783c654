import { UserManager, WebStorageStateStore } from 'oidc-client-ts'
import { clientID, issuer } from './config.js'

export const manager = new UserManager({
  authority: issuer, // everything else is read from /.well-known/openid-configuration
  client_id: clientID,
  redirect_uri: `${location.origin}/callback`, // registered, to the letter
  post_logout_redirect_uri: `${location.origin}/`,
  // offline_access brings a refresh token. Renewal in a hidden frame, which needs none, can't work here or
  // anywhere else: browsers give other sites' frames no cookies.
  scope: 'openid profile email offline_access',
  loadUserInfo: true, // the name is in UserInfo; the ID token says only who it is
  // All tabs share one sign-in. Each renews it by itself before the access token ends; where two do so at the
  // same moment, both get the same next refresh token.
  userStore: new WebStorageStateStore({ store: localStorage }),
  automaticSilentRenew: true,
})

const find = (id) => document.getElementById(id)

function show(user) {
  find('out').hidden = Boolean(user)
  find('in').hidden = !user
  find('name').textContent = user?.profile.preferred_username ?? user?.profile.sub ?? ''
  find('until').textContent = user ? new Date(user.expires_at * 1000).toLocaleTimeString() : ''
}

async function fail(error) {
  find('problem').hidden = false
  find('problem').textContent = error.message
  // Only this says that the sign-in has ended. Any other failure passes: try again later.
  if (error.error === 'invalid_grant') await manager.removeUser()
}

const act = (id, what) => find(id).addEventListener('click', () => what().catch(fail))

act('sign-in', () => manager.signinRedirect())
act('refresh', () => manager.signinSilent())
act('sign-out', () => manager.signoutRedirect())
act('ask', async () => {
  const user = await manager.getUser()
  const { userinfo_endpoint: url } = await manager.metadataService.getMetadata()
  const answer = await fetch(url, { headers: { Authorization: `Bearer ${user.access_token}` } })
  find('answer').textContent = JSON.stringify(await answer.json(), null, 2)
})

manager.events.addUserLoaded(show)
manager.events.addUserUnloaded(() => show())
manager.events.addSilentRenewError(fail)
// Another tab has signed in, renewed or signed out. getUser also starts this tab's timer anew.
addEventListener('storage', async () => show(await manager.getUser()))

try {
  if (location.pathname === '/callback') {
    await manager.signinCallback()
    history.replaceState(null, '', '/') // the code is used up, and no business of the history's
  } else {
    await manager.clearStaleState()
  }
} catch (error) {
  fail(error)
}
show(await manager.getUser())
