package oauth

import "fmt"

// InvalidRequest is bad input from whoever asked, with the name of the parameter or of the member of a
// client's metadata. It never repeats the value.
type InvalidRequest struct {
	Param   string
	Problem string
}

func (e *InvalidRequest) Error() string { return "oauth: " + e.Param + ": " + e.Problem }

func invalid(param, format string, args ...any) error {
	return &InvalidRequest{Param: param, Problem: fmt.Sprintf(format, args...)}
}
