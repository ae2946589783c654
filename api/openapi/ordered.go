package openapi

import (
	"bytes"
	"encoding/json"
)

// Ordered is a JSON object whose members keep their order, which is how people read them.
type Ordered[V any] []Member[V]

// Member is one of an Ordered.
type Member[V any] struct {
	Name  string
	Value V
}

// Get finds a member.
func (o Ordered[V]) Get(name string) (value V, found bool) {
	for _, m := range o {
		if m.Name == name {
			return m.Value, true
		}
	}
	return value, false
}

// MarshalJSON writes the object.
func (o Ordered[V]) MarshalJSON() ([]byte, error) {
	var out bytes.Buffer
	out.WriteByte('{')
	for i, m := range o {
		if i > 0 {
			out.WriteByte(',')
		}
		name, err := json.Marshal(m.Name)
		if err != nil {
			return nil, err
		}
		value, err := json.Marshal(m.Value)
		if err != nil {
			return nil, err
		}
		out.Write(name)
		out.WriteByte(':')
		out.Write(value)
	}
	out.WriteByte('}')
	return out.Bytes(), nil
}
