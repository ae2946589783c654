package tokenpair

import "slices"

// Undescribed are the descriptions of what is no endpoint.
func Undescribed() []string {
	var left []string
	for path := range descriptions {
		if !slices.ContainsFunc((&Handlers{}).Endpoints(), func(e Endpoint) bool { return e.Path == path }) {
			left = append(left, path)
		}
	}
	return left
}
