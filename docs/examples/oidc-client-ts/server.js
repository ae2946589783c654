// Serves the files of a single-page app, as any web server would. It knows no secret and sees no token.

import { createHash } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { createServer } from 'node:http'

const { ISSUER = 'http://127.0.0.1:8080', CLIENT_ID = 'spa', LISTEN = 'localhost:3000' } = process.env
const [host, port] = LISTEN.split(':')

const page = ['index.html', 'text/html; charset=utf-8']
const script = 'text/javascript; charset=utf-8'
const files = {
  '/': page,
  '/callback': page, // the redirect URI: the same app, which sees the code in its own URL
  '/main.js': ['main.js', script],
  '/oidc-client-ts.js': ['node_modules/oidc-client-ts/dist/esm/oidc-client-ts.js', script],
  '/jwt-decode.js': ['node_modules/jwt-decode/build/esm/index.js', script],
}

// Whoever runs a script in this app has its tokens: no script but its own, and calls to its issuer alone.
const index = await readFile(new URL('index.html', import.meta.url), 'utf8')
const importMap = createHash('sha256').update(index.match(/<script type="importmap">(.*)<\/script>/)[1]).digest('base64')
const policy = [
  "default-src 'none'", `script-src 'self' 'sha256-${importMap}'`, "style-src 'unsafe-inline'", 'img-src data:',
  `connect-src 'self' ${ISSUER}`, "base-uri 'none'", "frame-ancestors 'none'",
].join('; ')

createServer(async (req, res) => {
  const { pathname } = new URL(req.url, 'http://localhost')
  if (pathname === '/config.js') {
    res.writeHead(200, { 'Content-Type': script })
    res.end(`export const issuer = ${JSON.stringify(ISSUER)}\nexport const clientID = ${JSON.stringify(CLIENT_ID)}\n`)
    return
  }
  const [name, type] = files[pathname] ?? []
  if (!name) {
    res.writeHead(404)
    res.end()
    return
  }
  res.writeHead(200, {
    'Content-Type': type,
    'Content-Security-Policy': policy,
    'Referrer-Policy': 'no-referrer', // the code is in the URL for a moment
  })
  res.end(await readFile(new URL(name, import.meta.url)))
}).listen(Number(port), host, () => console.log(`listening on http://${LISTEN}/`))
