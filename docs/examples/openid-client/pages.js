const escape = (text) => String(text).replace(/[&<>"']/g, (c) => `&#${c.codePointAt(0)};`)

// The last that is seen of a token: enough to see that it has changed, and of no use to anybody.
const tail = (token) => `…${token.slice(-8)}`

export const signedOut = () => `<h1>You are not signed in</h1>
<p><a href="/login">Sign in</a></p>`

export const signedIn = (session) => `<h1>Hello ${escape(session.person.name)}</h1>
<dl>
<dt>Username</dt><dd>${escape(session.person.preferred_username)}</dd>
<dt>Email</dt><dd>${escape(session.person.email)}</dd>
<dt>Access token</dt><dd>${tail(session.accessToken)}</dd>
<dt>Refresh token</dt><dd>${tail(session.refreshToken)}</dd>
<dt>ID token</dt><dd>${tail(session.idToken)}</dd>
<dt>Introspection</dt><dd>${session.introspection.active ? 'active' : 'not active'}, for ${escape(session.introspection.username)}</dd>
</dl>
<form method="post" action="/refresh"><button>Refresh</button></form>
<form method="post" action="/logout"><button>Sign out</button></form>`

export const failed = (why) => `<h1>Not signed in</h1>
<p>${escape(why)}</p>
<p><a href="/login">Try again</a></p>`
