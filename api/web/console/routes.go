package console

import "keyturn/audit"

// sections is the table of contents. The order is that of the navigation.
func (k *Console) sections() []section {
	return []section{
		{"overview", []Route{
			show("", k.overview),
			show("/search", k.search),
		}},
		{"users", []Route{
			show("/users", k.listUsers),
		}},
	}
}

// show is an address that shows something to whoever may see the console.
func show(path string, get handler) Route { return Route{Path: path, Right: audit.Read, get: get} }

// edit is a form and what takes it.
func edit(path string, right audit.Rights, get, post handler) Route {
	return Route{Path: path, Right: right, get: get, post: post}
}

// Routes are all addresses.
func (k *Console) Routes() []Route {
	var all []Route
	for _, s := range k.sections() {
		all = append(all, s.routes...)
	}
	return all
}
