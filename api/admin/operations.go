package admin

import (
	"context"
	"net/http"

	"keyturn/audit/sentence"
)

// Operations is what only the running program can tell: of itself, and so of one instance.
type Operations struct {
	// Checks are those of readiness, each with a word of how it stands.
	Checks func(context.Context) []Check
	// Settings are those in force, secrets masked, in the order of the documentation.
	Settings []Setting
	// Version is that of the program.
	Version string
	// Production is what production needs, as things are now; nil tells nothing.
	Production func(context.Context) []Task
}

// Check is one line of health. Status is ok, warning or failed.
type Check struct {
	Name   string            `json:"name"`
	Status string            `json:"status"`
	Detail sentence.Sentence `json:"detail"`
}

// Setting is a setting in force. Changed tells whether it is another than the default.
type Setting struct {
	Name    string `json:"name"`
	Value   string `json:"value"`
	Doc     string `json:"doc"`
	Changed bool   `json:"changed"`
}

// Health is how an instance stands: as its worst check does.
type Health struct {
	Status  string  `json:"status"`
	Version string  `json:"version"`
	Checks  []Check `json:"checks"`
}

// readHealth answers what readiness knows, in words. It is 200 in any case: who asks here wants to read it.
func (h *Handlers) readHealth(r *request) error {
	out := Health{Status: "ok", Version: h.Operations.Version, Checks: []Check{}}
	if h.Operations.Checks != nil {
		out.Checks = append(out.Checks, h.Operations.Checks(r.ctx)...)
	}
	for _, c := range out.Checks {
		if c.Status == "failed" || c.Status == "warning" && out.Status == "ok" {
			out.Status = c.Status
		}
	}
	return r.write(http.StatusOK, out)
}

// listSettings answers the settings of this instance.
func (h *Handlers) listSettings(r *request) error {
	return r.write(http.StatusOK, listed[Setting]{Items: append([]Setting{}, h.Operations.Settings...)})
}
