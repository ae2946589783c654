package openapi

// Version is the version of the OpenAPI Specification that documents say they follow.
const Version = "3.1.1"

// Document is an OpenAPI document (OpenAPI Specification 3.1.1 section 4.8), as far as this program needs one.
type Document struct {
	OpenAPI    string             `json:"openapi"`
	Info       Info               `json:"info"`
	Servers    []Server           `json:"servers,omitempty"`
	Tags       []Tag              `json:"tags"`
	Paths      Ordered[*PathItem] `json:"paths"`
	Components Components         `json:"components"`
}

// Info says what API it is.
type Info struct {
	Title       string `json:"title"`
	Version     string `json:"version"`
	Description string `json:"description,omitempty"`
}

// Server is where the API is.
type Server struct {
	URL string `json:"url"`
}

// Tag is a chapter.
type Tag struct {
	Name        string `json:"name"`
	Description string `json:"description,omitempty"`
}

// PathItem are the operations of a path, by method in lower case.
type PathItem = Ordered[*Operation]

// Operation is what a method does at a path.
type Operation struct {
	Tags        []string              `json:"tags"`
	ID          string                `json:"operationId"`
	Summary     string                `json:"summary"`
	Description string                `json:"description,omitempty"`
	Parameters  []Parameter           `json:"parameters,omitempty"`
	Body        *RequestBody          `json:"requestBody,omitempty"`
	Responses   Ordered[Response]     `json:"responses"`
	Security    []map[string][]string `json:"security"`
}

// Parameter is one of path, query string or header.
type Parameter struct {
	Name        string  `json:"name"`
	In          string  `json:"in"`
	Required    bool    `json:"required,omitempty"`
	Description string  `json:"description,omitempty"`
	Schema      *Schema `json:"schema"`
}

// RequestBody is what may be sent.
type RequestBody struct {
	Description string              `json:"description,omitempty"`
	Required    bool                `json:"required,omitempty"`
	Content     Ordered[*MediaType] `json:"content"`
}

// MediaType is a body of one type.
type MediaType struct {
	Schema  *Schema `json:"schema"`
	Example any     `json:"example,omitempty"`
}

// Response is an answer, or a Ref to one of the components.
type Response struct {
	Ref         string              `json:"$ref,omitempty"`
	Description string              `json:"description,omitempty"`
	Headers     Ordered[Header]     `json:"headers,omitempty"`
	Content     Ordered[*MediaType] `json:"content,omitempty"`
}

// Header is one of an answer.
type Header struct {
	Description string  `json:"description,omitempty"`
	Required    bool    `json:"required,omitempty"`
	Schema      *Schema `json:"schema"`
}

// Components are what is referred to by name.
type Components struct {
	Schemas         Ordered[*Schema]        `json:"schemas,omitempty"`
	Responses       Ordered[Response]       `json:"responses,omitempty"`
	SecuritySchemes Ordered[SecurityScheme] `json:"securitySchemes,omitempty"`
}

// SecurityScheme is a way to show who asks.
type SecurityScheme struct {
	Type         string `json:"type"`
	Scheme       string `json:"scheme,omitempty"`
	BearerFormat string `json:"bearerFormat,omitempty"`
	Description  string `json:"description,omitempty"`
}
