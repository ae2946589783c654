package accounts

import (
	"errors"
	"strings"
	"testing"
)

// everyClaim is a user of whom everything is known, as the conformance suite wants one.
func everyClaim() StandardClaims {
	return StandardClaims{
		Name: "Peter Benjamin Parker", MiddleName: "Benjamin", Nickname: "Spidey",
		Profile: "https://example.com/peter", Picture: "https://example.com/peter.png", Website: "http://example.com/~peter?x=1#y",
		Gender: "male", Birthdate: "2001-08-10", Zoneinfo: "America/New_York", Locale: "en-US",
		PhoneNumber: "+1 (604) 555-1234;ext=5678", PhoneNumberVerified: true,
		Address: &Address{
			Formatted: "20 Ingram Street\r\nForest Hills\nNew York", StreetAddress: "20 Ingram Street\nApartment 3",
			Locality: "Forest Hills", Region: "New York", PostalCode: "11375", Country: "USA",
		},
	}
}

func TestStandardClaimsAreStored(t *testing.T) {
	store := newTestStore()
	s := cheapService(store)
	user, err := s.Create(t.Context(), NewUser{Username: "spiderman", Claims: everyClaim()}, operator)
	if err != nil || user.Claims.Nickname != "Spidey" || user.Claims.Address.Country != "USA" {
		t.Fatalf("created %+v, %v", user.Claims, err)
	}
	next := StandardClaims{Locale: "de"}
	if user, err = s.Update(t.Context(), user.ID, Change{Claims: &next}, operator); err != nil || user.Claims != next {
		t.Errorf("updated %+v, %v; want all of it replaced", user.Claims, err)
	}
	if got := store.events[1].Details["fields"]; got != "claims" {
		t.Errorf("recorded as %q", got)
	}
}

// OIDC Core 5.1 and 5.1.1
func TestFormsOfStandardClaims(t *testing.T) {
	long := strings.Repeat("é", 501)
	for _, test := range []struct {
		param string // "" where it is taken
		edit  func(c *StandardClaims)
	}{
		{"", func(c *StandardClaims) {}},
		{"", func(c *StandardClaims) { *c = StandardClaims{} }},
		{"", func(c *StandardClaims) { c.Birthdate = "0000-02-29" }},
		{"", func(c *StandardClaims) { c.Birthdate = "2001" }},
		{"", func(c *StandardClaims) { c.Zoneinfo, c.Locale, c.PhoneNumber = "UTC", "zh_Hant_TW", "+496221123" }},
		{"", func(c *StandardClaims) { c.Zoneinfo = "America/Argentina/Buenos_Aires" }},
		{"", func(c *StandardClaims) { c.Zoneinfo = "Etc/GMT+5" }},
		{"", func(c *StandardClaims) { c.Address = &Address{Country: "USA"} }},
		{"claims.name", func(c *StandardClaims) { c.Name = " " }},
		{"claims.name", func(c *StandardClaims) { c.Name = "Peter " }},
		{"claims.name", func(c *StandardClaims) { c.Name = "null" }},
		{"claims.name", func(c *StandardClaims) { c.Name = "a\nb" }},
		{"claims.name", func(c *StandardClaims) { c.Name = "a\xff" }},
		{"claims.name", func(c *StandardClaims) { c.Name = long }},
		{"claims.middle_name", func(c *StandardClaims) { c.MiddleName = long }},
		{"claims.nickname", func(c *StandardClaims) { c.Nickname = "a\x00" }},
		{"claims.gender", func(c *StandardClaims) { c.Gender = long }},
		{"claims.profile", func(c *StandardClaims) { c.Profile = "peter" }},
		{"claims.picture", func(c *StandardClaims) { c.Picture = "javascript:alert(1)" }},
		{"claims.picture", func(c *StandardClaims) { c.Picture = "data:image/png;base64,AAAA" }},
		{"claims.website", func(c *StandardClaims) { c.Website = "https://user@example.com" }},
		{"claims.website", func(c *StandardClaims) { c.Website = "https:///x" }},
		{"claims.website", func(c *StandardClaims) { c.Website = "https://example.com/" + strings.Repeat("x", 2000) }},
		{"claims.birthdate", func(c *StandardClaims) { c.Birthdate = "10.8.2001" }},
		{"claims.birthdate", func(c *StandardClaims) { c.Birthdate = "2001-02-29" }},
		{"claims.birthdate", func(c *StandardClaims) { c.Birthdate = "2001-8-10" }},
		{"claims.birthdate", func(c *StandardClaims) { c.Birthdate = "01" }},
		{"claims.birthdate", func(c *StandardClaims) { c.Birthdate = "0000" }},
		{"claims.birthdate", func(c *StandardClaims) { c.Birthdate = "2001-08-10T00:00:00Z" }},
		{"claims.zoneinfo", func(c *StandardClaims) { c.Zoneinfo = "Central European Time" }},
		{"claims.zoneinfo", func(c *StandardClaims) { c.Zoneinfo = "../etc/passwd" }},
		{"claims.locale", func(c *StandardClaims) { c.Locale = "en-US;q=0.8" }},
		{"claims.locale", func(c *StandardClaims) { c.Locale = "e" }},
		{"claims.phone_number", func(c *StandardClaims) { c.PhoneNumber = "call me" }},
		{"claims.phone_number", func(c *StandardClaims) { c.PhoneNumber = "+()" }},
		{"claims.phone_number", func(c *StandardClaims) { c.PhoneNumber = "+1 604 555 1234\n" }},
		{"claims.phone_number_verified", func(c *StandardClaims) { c.PhoneNumber = "" }},
		{"claims.address", func(c *StandardClaims) { c.Address = &Address{} }},
		{"claims.address.formatted", func(c *StandardClaims) { c.Address.Formatted = "a\rb" }},
		{"claims.address.formatted", func(c *StandardClaims) { c.Address.Formatted = long }},
		{"claims.address.street_address", func(c *StandardClaims) { c.Address.StreetAddress = "\n" }},
		{"claims.address.locality", func(c *StandardClaims) { c.Address.Locality = "a\nb" }},
		{"claims.address.region", func(c *StandardClaims) { c.Address.Region = " x" }},
		{"claims.address.postal_code", func(c *StandardClaims) { c.Address.PostalCode = "null" }},
		{"claims.address.country", func(c *StandardClaims) { c.Address.Country = "\u0085x" }},
	} {
		c := everyClaim()
		test.edit(&c)
		store := newTestStore()
		_, err := cheapService(store).Create(t.Context(), NewUser{Username: "spiderman", Claims: c}, operator)
		wrong, ok := errors.AsType[*InvalidRequest](err)
		if test.param == "" && err != nil || test.param != "" && (!ok || wrong.Param != test.param) {
			t.Errorf("%+v: got %v, want a problem with %q", c, err, test.param)
		}
		if test.param != "" && len(store.calls) > 0 {
			t.Errorf("%s: the store was asked: %v", test.param, store.calls)
		}
	}
}
