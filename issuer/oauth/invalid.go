package oauth

import "keyturn/audit/sentence"

// InvalidRequest is bad input from whoever asked, with the name of the parameter or of the member of a
// client's metadata. It never repeats the value.
type InvalidRequest struct {
	Param string
	// Problem is what is wrong with it, as said behind its name.
	Problem sentence.Sentence
}

func (e *InvalidRequest) Error() string { return "oauth: " + e.Param + ": " + e.Problem.String() }

// InvalidItem is an InvalidRequest about one item of a list, the N-th from 1.
type InvalidItem struct {
	*InvalidRequest
	N int
}

// Unwrap gives the InvalidRequest, which is what is told where nobody can see the list.
func (e *InvalidItem) Unwrap() error { return e.InvalidRequest }

func invalidItem(param string, index int, problem sentence.Sentence) error {
	return &InvalidItem{&InvalidRequest{param, problem}, index + 1}
}

func invalid(param, format string, args ...any) error {
	return &InvalidRequest{Param: param, Problem: sentence.Say(format, args...)}
}
