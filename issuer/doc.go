// Package issuer owns what is issued to whom: grants, the token pairs made from them, refresh with
// rotation and reuse detection, revocation, and the resources (audiences) that tokens are made for.
// Its rules are pure functions of a grant and the time; it leaves SQL to storage, HTTP to api, keys
// to keys and the proof of a person to accounts.
package issuer
