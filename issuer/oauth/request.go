package oauth

// Request is an authorization request that was checked (RFC 6749 section 4.1.1, OIDC Core section 3.1.2.1).
type Request struct {
	ClientID     string `json:"client_id"`
	RedirectURI  string `json:"redirect_uri"`
	ResponseMode string `json:"response_mode"`
	State        string `json:"state,omitempty"`
	// HasState tells an empty state, which is sent back, from none.
	HasState bool `json:"has_state,omitempty"`
	// Scopes are those that will be granted, unknown ones left out.
	Scopes    []string `json:"scopes,omitempty"`
	Resource  string   `json:"resource,omitempty"`
	Nonce     string   `json:"nonce,omitempty"`
	Challenge string   `json:"code_challenge,omitempty"`
	Prompt    []string `json:"prompt,omitempty"`
	// MaxAge is nil where neither the request nor the client says one.
	MaxAge *int64        `json:"max_age,omitempty"`
	Claims ClaimsRequest `json:"claims,omitzero"`
	// ACRValues are the levels that the client would like, of which any will do.
	ACRValues []string `json:"acr_values,omitempty"`
	// Subject is who must sign in, by id_token_hint or the claims parameter; empty for anybody.
	Subject   string   `json:"subject,omitempty"`
	LoginHint string   `json:"login_hint,omitempty"`
	UILocales []string `json:"ui_locales,omitempty"`
}
