package admin

import "slices"

// Undescribed are the descriptions of what is no route.
func Undescribed() []string {
	routes := map[string]bool{}
	for _, r := range (&Handlers{}).Routes() {
		routes[r.Method+" "+r.Path] = true
	}
	var left []string
	for name := range descriptions() {
		if !routes[name] {
			left = append(left, name)
		}
	}
	slices.Sort(left)
	return left
}
