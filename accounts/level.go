package accounts

import "slices"

// Level is how strongly a person has proved who they are: a value of the acr claim. "2" and "phr" are
// reached by factors of two kinds; "phr" (OpenID Connect Extended Authentication Profile ACR Values 1.0)
// also can't be phished.
type Level string

// The levels, from weak to strong.
const (
	OneFactor         Level = "1"
	TwoFactors        Level = "2"
	PhishingResistant Level = "phr"
)

// Levels lists all, from weak to strong.
func Levels() []Level { return []Level{OneFactor, TwoFactors, PhishingResistant} }

// Satisfies tells whether l is at least as strong as wanted. What is no level satisfies nothing and is
// satisfied by nothing.
func (l Level) Satisfies(wanted Level) bool {
	have, want := slices.Index(Levels(), l), slices.Index(Levels(), wanted)
	return want >= 0 && have >= want
}

// The values of the amr claim that this program knows (RFC 8176 section 2).
const (
	MethodPassword = "pwd"
	MethodOTP      = "otp"  // a code of an authenticator app, or a recovery code
	MethodHardware = "hwk"  // a passkey that stays on its device
	MethodSoftware = "swk"  // a passkey that is synchronised
	MethodUser     = "user" // the authenticator has verified the person
	MethodMultiple = "mfa"  // factors of two kinds
)

// LevelOf is the level that these methods together reach.
func LevelOf(methods []string) Level {
	has := func(m string) bool { return slices.Contains(methods, m) }
	passkey := has(MethodHardware) || has(MethodSoftware)
	switch {
	case passkey && (has(MethodUser) || has(MethodPassword)):
		return PhishingResistant
	case has(MethodPassword) && has(MethodOTP):
		return TwoFactors
	}
	return OneFactor
}
