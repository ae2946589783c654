package admin

import (
	"encoding/json"

	"keyturn/accounts"
)

// ReadClaims reads the further standard claims of a user from a JSON object with the names of OIDC Core
// section 5.1: the member claims of a request, and the command line's --claims-file. Its error is a *Problem;
// the forms are for accounts to check.
func ReadClaims(raw []byte) (accounts.StandardClaims, error) {
	var c accounts.StandardClaims
	var address json.RawMessage
	err := members{
		"name": &c.Name, "middle_name": &c.MiddleName, "nickname": &c.Nickname,
		"profile": &c.Profile, "picture": &c.Picture, "website": &c.Website,
		"gender": &c.Gender, "birthdate": &c.Birthdate, "zoneinfo": &c.Zoneinfo, "locale": &c.Locale,
		"phone_number": &c.PhoneNumber, "phone_number_verified": &c.PhoneNumberVerified, "address": &address,
	}.decode(raw)
	if err != nil || address == nil {
		return c, within("claims", err)
	}
	c.Address = &accounts.Address{}
	err = members{
		"formatted": &c.Address.Formatted, "street_address": &c.Address.StreetAddress, "locality": &c.Address.Locality,
		"region": &c.Address.Region, "postal_code": &c.Address.PostalCode, "country": &c.Address.Country,
	}.decode(address)
	return c, within("claims.address", err)
}
