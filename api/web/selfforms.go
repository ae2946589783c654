package web

import "keyturn/accounts"

// The forms of self-service: what they ask for, with what is known already.

func emailFields() []Field {
	return []Field{{Name: "email", Type: "email", Autocomplete: "email"}}
}

func forgottenFields() []Field {
	return []Field{{Name: "who", Type: "text", Autocomplete: "username"}}
}

// newPersonFields are those of whoever makes their account by a link. The username can't be changed; it stands
// there for the browser, which keeps it with the password.
func newPersonFields(username, givenName, familyName string, least int) []Field {
	return []Field{
		usernameField(username),
		{Name: "given_name", Type: "text", Value: givenName, Autocomplete: "given-name", Optional: true},
		{Name: "family_name", Type: "text", Value: familyName, Autocomplete: "family-name", Optional: true},
		newPasswordField("password", least),
	}
}

// administratorFields are those of the first administrator, who chooses a username.
func administratorFields(least int) []Field {
	return []Field{
		{Name: "chosen_username", Type: "text", Autocomplete: "username"},
		{Name: "email", Type: "email", Autocomplete: "email", Optional: true},
		{Name: "given_name", Type: "text", Autocomplete: "given-name", Optional: true},
		{Name: "family_name", Type: "text", Autocomplete: "family-name", Optional: true},
		newPasswordField("password", least),
	}
}

func resetFields(username string, least int) []Field {
	return []Field{usernameField(username), newPasswordField("new_password", least)}
}

// passwordFields change the own password; who has none yet is not asked for it.
func passwordFields(username string, has bool, least int) []Field {
	fields := []Field{usernameField(username)}
	if has {
		fields = append(fields, Field{Name: "current_password", Type: "password", Autocomplete: "current-password"})
	}
	return append(fields, newPasswordField("new_password", least))
}

func usernameField(username string) Field {
	return Field{Name: "username", Type: "text", Value: username, Autocomplete: "username", ReadOnly: true}
}

func newPasswordField(name string, least int) Field {
	return Field{Name: name, Type: "password", Autocomplete: "new-password", Help: true, Least: least}
}

func (p *Pages) profileFields(u accounts.User) []Field {
	return []Field{
		{Name: "given_name", Type: "text", Value: u.GivenName, Autocomplete: "given-name", Optional: true},
		{Name: "family_name", Type: "text", Value: u.FamilyName, Autocomplete: "family-name", Optional: true},
		{Name: "nickname", Type: "text", Value: u.Claims.Nickname, Autocomplete: "nickname", Optional: true},
		{Name: "locale", Type: "select", Value: u.Claims.Locale, Autocomplete: "language", Options: p.languageOptions(u.Claims.Locale)},
		{Name: "zoneinfo", Type: "select", Value: u.Claims.Zoneinfo, Autocomplete: "off", Options: zoneOptions(u.Claims.Zoneinfo)},
	}
}
