// Package openapi holds the form of an OpenAPI 3.1 document: its types, schemas made of Go types by reflection,
// and a page for people. What an API does is for the package to say whose handlers do it; this one knows none.
package openapi
