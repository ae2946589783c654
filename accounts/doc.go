// Package accounts owns who a person is and how they prove it: users, passwords and their hashes,
// and the throttling of guesses. Its Authentication value is the only proof of a sign-in that the
// rest of the program accepts. It leaves SQL to storage, HTTP to api, and tokens to issuer.
package accounts
