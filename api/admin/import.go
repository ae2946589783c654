package admin

import (
	"bytes"
	"errors"
	"net/http"
	"time"

	"keyturn/accounts"
)

// importTransfer bounds the upload of a file, in place of the server's limits for ordinary requests.
const importTransfer = time.Minute

// Imported is the answer to an import.
type Imported struct {
	Created int `json:"created"`
}

// importUsers creates the users of a file, all or none; accounts.ReadImport says what it may hold.
func (h *Handlers) importUsers(r *request) error {
	if err := r.allow(importTransfer, importTransfer+2*importTime); err != nil {
		return err
	}
	raw, err := r.body(maxImport, "application/json", "application/x-ndjson")
	if err != nil {
		return err
	}
	r.begin(importTime)
	users, err := accounts.ReadImport(bytes.NewReader(raw))
	if err != nil {
		return err
	}
	imported, err := h.Accounts.Import(r.ctx, users, r.actor)
	if err != nil {
		return err
	}
	return r.write(http.StatusOK, Imported{imported.Created})
}

// allow gives this request other times for reading and answering than the server's.
func (r *request) allow(read, answer time.Duration) error {
	connection, now := http.NewResponseController(r.gin.Writer), time.Now()
	err := errors.Join(connection.SetReadDeadline(now.Add(read)), connection.SetWriteDeadline(now.Add(answer)))
	if errors.Is(err, http.ErrNotSupported) {
		return nil // no connection with deadlines, so none to extend
	}
	return err
}
