package accounts

import (
	"context"

	"keyturn/audit"
	"keyturn/audit/sentence"
)

// Profile is what people say of themselves. It replaces all of these fields; an empty one is none.
type Profile struct {
	GivenName, FamilyName string
	Nickname              string
	Website               string
	// Zoneinfo is a time zone such as Europe/Paris, Locale a language tag such as en-US, in which letters come, too.
	Zoneinfo, Locale string
}

// ChangeName changes the person's own profile. *InvalidRequest where a field is wrong, named as in Profile's
// claims: given_name, nickname.
func (s *SelfService) ChangeName(ctx context.Context, who Authentication, p Profile, actor audit.Actor) error {
	if err := s.own(FeatureName, who); err != nil {
		return err
	}
	if err := p.check(); err != nil {
		return err
	}
	event := userEvent(audit.UserUpdated, who.UserID(), person(who.UserID(), actor))
	event.Reason = "profile"
	return s.Store.UpdateOwn(ctx, who.UserID(), who.CredentialVersion(), p.change, event)
}

func (p Profile) check() error {
	for _, field := range []struct {
		name, value string
		check       func(param, text string) error
	}{
		{"given_name", p.GivenName, checkName},
		{"family_name", p.FamilyName, checkName},
		{"nickname", p.Nickname, checkName},
		{"website", p.Website, checkLink},
		{"zoneinfo", p.Zoneinfo, shaped(zoneForm, sentence.Say("is not a time zone such as Europe/Paris"))},
		{"locale", p.Locale, shaped(localeForm, sentence.Say("is not a language tag such as en-US"))},
	} {
		if err := checkClaim(field.name, field.value, field.check); err != nil {
			return err
		}
	}
	return nil
}

// change is the profile as a change of the user as they are. A full name that was given whole goes with the
// names that it was made of.
func (p Profile) change(u User) Change {
	claims := u.Claims
	claims.Nickname, claims.Website, claims.Zoneinfo, claims.Locale = p.Nickname, p.Website, p.Zoneinfo, p.Locale
	if p.GivenName != u.GivenName || p.FamilyName != u.FamilyName {
		claims.Name = ""
	}
	return Change{GivenName: &p.GivenName, FamilyName: &p.FamilyName, Claims: &claims}
}
