package tokenpair

import (
	"bytes"
	"errors"
	"io"
	"mime/multipart"
	"net/http"
	"net/url"
)

// form is a body whose values are text already.
type form url.Values

func (f form) text(field string) (string, string) {
	switch values := f[field]; len(values) {
	case 0:
		return "", missing
	case 1:
		return values[0], ""
	default:
		return "", "This field was given more than once."
	}
}

func parseForm(raw []byte) (body, error) {
	values, err := url.ParseQuery(string(raw))
	if err != nil {
		return nil, &Failure{Status: http.StatusBadRequest, Body: detail("Form parse error - malformed escape or separator.")}
	}
	return form(values), nil
}

func parseMultipart(raw []byte, boundary string) (body, error) {
	malformed := &Failure{Status: http.StatusBadRequest, Body: detail("Multipart form parse error - malformed.")}
	if boundary == "" {
		return nil, malformed
	}
	fields := form{}
	reader := multipart.NewReader(bytes.NewReader(raw), boundary)
	for {
		part, err := reader.NextPart()
		if errors.Is(err, io.EOF) {
			return fields, nil
		}
		if err != nil {
			return nil, malformed
		}
		value, err := io.ReadAll(part)
		if err != nil {
			return nil, malformed
		}
		if part.FileName() != "" {
			value = []byte{0xff} // a file is no text; reported as such where the field is wanted
		}
		fields[part.FormName()] = append(fields[part.FormName()], string(value))
	}
}
