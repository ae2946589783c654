// Package accounts owns who a person is, how they prove it, and what they and others may do about it. Service signs
// people in and administers them: passwords, their hashes, and the throttling of guesses. Factors keeps passkeys,
// authenticator apps and recovery codes, Browsers the browser sessions, Groups who belongs together, with their roles
// and the rights of administrators. SelfService is what people do to their own account and what leads to one, with
// the letters and one-time links for it, which package mail sends. The Authentication value is the only proof of a
// sign-in that the rest of the program accepts. SQL it leaves to storage, HTTP to api, and tokens to issuer.
package accounts
