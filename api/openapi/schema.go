package openapi

import (
	"reflect"
	"strings"
)

// Schema is a JSON Schema (draft 2020-12, which OpenAPI 3.1 uses as it is).
type Schema struct {
	Ref         string           `json:"$ref,omitempty"`
	Type        string           `json:"type,omitempty"`
	Format      string           `json:"format,omitempty"`
	Pattern     string           `json:"pattern,omitempty"`
	Description string           `json:"description,omitempty"`
	Enum        []string         `json:"enum,omitempty"`
	Default     any              `json:"default,omitempty"`
	Minimum     *int64           `json:"minimum,omitempty"`
	Maximum     *int64           `json:"maximum,omitempty"`
	MinLength   int              `json:"minLength,omitempty"`
	MaxLength   int              `json:"maxLength,omitempty"`
	AnyOf       []*Schema        `json:"anyOf,omitempty"`
	Items       *Schema          `json:"items,omitempty"`
	Properties  Ordered[*Schema] `json:"properties,omitempty"`
	Required    []string         `json:"required,omitempty"`
	// Others is false where no other members may be there, or the *Schema of their values.
	Others any `json:"additionalProperties,omitempty"`
}

// Components is where schemas with a name stand.
const componentSchemas = "#/components/schemas/"

// Types makes schemas of the Go types that encoding/json writes. A struct type with a name stands once among
// the components, and is referred to.
type Types struct {
	// Known are the schemas of types that reflection can't tell: those with methods of their own for JSON, and
	// texts of which only some are meant.
	Known map[reflect.Type]Schema
	// Names are those of types that are called otherwise in Go.
	Names map[reflect.Type]string
	// Notes describe types ("User") and members ("User.email").
	Notes map[string]string

	named Ordered[*Schema]
}

// Named are the schemas that were referred to so far.
func (t *Types) Named() Ordered[*Schema] { return t.named }

// Of is the schema of what encoding/json makes of v.
func (t *Types) Of(v any) *Schema { return t.of(reflect.TypeOf(v)) }

func (t *Types) of(typ reflect.Type) *Schema {
	if known, ok := t.Known[typ]; ok {
		return &known
	}
	switch typ.Kind() {
	case reflect.Pointer:
		return t.of(typ.Elem())
	case reflect.String:
		return &Schema{Type: "string"}
	case reflect.Bool:
		return &Schema{Type: "boolean"}
	case reflect.Int, reflect.Int64, reflect.Int32:
		return &Schema{Type: "integer"}
	case reflect.Slice:
		return &Schema{Type: "array", Items: t.of(typ.Elem())}
	case reflect.Map:
		return &Schema{Type: "object", Others: t.of(typ.Elem())}
	case reflect.Struct:
		return t.object(typ)
	}
	panic("openapi: no schema for " + typ.String())
}

// object is the schema of a struct, or a reference to it.
func (t *Types) object(typ reflect.Type) *Schema {
	name := t.name(typ)
	if name == "" {
		return t.members(typ, "")
	}
	if _, done := t.named.Get(name); !done {
		at := len(t.named)
		t.named = append(t.named, Member[*Schema]{Name: name})
		t.named[at].Value = t.members(typ, name)
	}
	return &Schema{Ref: componentSchemas + name}
}

// name is what a struct type is called, empty for one that stands where it is used.
func (t *Types) name(typ reflect.Type) string {
	if name, ok := t.Names[typ]; ok {
		return name
	}
	if name := typ.Name(); !strings.Contains(name, "[") {
		return name
	}
	return ""
}

func (t *Types) members(typ reflect.Type, name string) *Schema {
	s := &Schema{Type: "object", Description: t.Notes[name]}
	t.addMembers(s, typ, name)
	return s
}

// addMembers adds the members that encoding/json writes for a struct. Those of an embedded struct come after its own,
// which hide them.
func (t *Types) addMembers(s *Schema, typ reflect.Type, name string) {
	var embedded []reflect.Type
	for i := range typ.NumField() {
		field := typ.Field(i)
		if field.Anonymous && field.Tag.Get("json") == "" {
			embedded = append(embedded, field.Type)
			continue
		}
		member, options, _ := strings.Cut(field.Tag.Get("json"), ",")
		if _, hidden := s.Properties.Get(member); hidden || member == "-" || !field.IsExported() {
			continue
		}
		if member == "" {
			panic("openapi: " + typ.String() + "." + field.Name + " has no name in JSON")
		}
		value := *t.of(field.Type)
		if note := t.Notes[name+"."+member]; note != "" {
			value.Description = note
		}
		s.Properties = append(s.Properties, Member[*Schema]{member, &value})
		if !strings.Contains(options, "omit") {
			s.Required = append(s.Required, member)
		}
	}
	for _, e := range embedded {
		t.addMembers(s, e, name)
	}
}
