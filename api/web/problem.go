package web

// Wrong is the key of the text beside a field of the sign-in form, empty where the field is well.
func (v SignIn) Wrong(field string) string {
	switch {
	case v.Problem.Kind == ProblemCredentials && field == "password":
		return "problem.credentials.field"
	case v.Problem.Kind == ProblemMissing && (field == "password" || v.Username == ""):
		return "problem.missing." + field
	}
	return ""
}

// Doubted tells whether a field is marked as wrong. With wrong credentials both are: which of the two it was
// is told to nobody.
func (v SignIn) Doubted(field string) bool {
	return v.Problem.Kind == ProblemCredentials || v.Wrong(field) != ""
}

// Blames tells whether the text beside a field says that this very field is wrong. Wrong credentials are told once, above
// the form; what stands beside the password then is advice.
func (v SignIn) Blames(field string) bool {
	return v.Problem.Kind == ProblemMissing && v.Wrong(field) != ""
}

// Focus is the field that the person fills in next.
func (v SignIn) Focus() string {
	if v.Username == "" {
		return "username"
	}
	return "password"
}

// Refused tells whether what was sent was not taken, rather than that something is said beforehand.
func (p Problem) Refused() bool {
	return p.Kind != "" && p.Kind != ProblemAgain && p.Kind != ProblemOther
}
