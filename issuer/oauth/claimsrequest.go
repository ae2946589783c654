package oauth

import (
	"context"
	"encoding/json"

	"keyturn/audit/sentence"
)

// maxClaims bounds the claims parameter, in bytes.
const maxClaims = 8192

// ClaimsRequest is what Keyturn takes from the claims parameter (OIDC Core section 5.5).
type ClaimsRequest struct {
	// UserInfo are names of standard claims that UserInfo shall hold beside those of the scopes.
	UserInfo []string `json:"userinfo,omitempty"`
	// ACR are values of which one is essential; nil where acr was not asked for as essential.
	ACR []string `json:"acr,omitempty"`
}

// text is the form in which a grant keeps the names for UserInfo.
func (c ClaimsRequest) text() string {
	if len(c.UserInfo) == 0 {
		return ""
	}
	text, err := json.Marshal(c.UserInfo)
	if err != nil {
		panic(err) // a slice of texts always has a JSON form
	}
	return string(text)
}

// checkClaims takes what Keyturn heeds of the claims parameter; unknown members are ignored.
func checkClaims(_ *Provider, _ context.Context, d *draft) error {
	text, err := d.short("claims", maxClaims)
	if err != nil || text == "" {
		return err
	}
	var asked struct {
		UserInfo map[string]json.RawMessage `json:"userinfo"`
		IDToken  map[string]json.RawMessage `json:"id_token"`
	}
	if json.Unmarshal([]byte(text), &asked) != nil {
		return &InvalidRequest{"claims", sentence.Say("must be a JSON object as OIDC Core section 5.5 describes")}
	}
	for _, r := range releases {
		// The parameter is no way around the scopes that the client is registered for.
		if _, wanted := asked.UserInfo[r.name]; wanted && d.client.grantable(r.scope, nil) {
			d.req.Claims.UserInfo = append(d.req.Claims.UserInfo, r.name)
		}
	}
	for _, place := range []map[string]json.RawMessage{asked.IDToken, asked.UserInfo} {
		if err := d.wantSubject(place["sub"]); err != nil {
			return err
		}
	}
	wish, err := readWish("acr", asked.IDToken["acr"])
	if err == nil {
		d.wantACR(wish)
	}
	return err
}

// claimWish is a member of the claims parameter (OIDC Core section 5.5.1).
type claimWish struct {
	Essential bool     `json:"essential"`
	Value     string   `json:"value"`
	Values    []string `json:"values"`
}

func readWish(name string, raw json.RawMessage) (claimWish, error) {
	var w claimWish
	if len(raw) > 0 && json.Unmarshal(raw, &w) != nil {
		return w, &InvalidRequest{"claims", sentence.Say("%s must be null or an object of essential, value and values", name)}
	}
	return w, nil
}

// wantSubject heeds a demand for a certain person (OIDC Core section 5.5.1).
func (d *draft) wantSubject(raw json.RawMessage) error {
	wish, err := readWish("sub", raw)
	if err != nil {
		return err
	}
	if wish.Value != "" && d.req.Subject != "" && wish.Value != d.req.Subject {
		return &InvalidRequest{"claims", sentence.Say("names two people")}
	}
	if wish.Value != "" {
		d.req.Subject = wish.Value
	}
	return nil
}
