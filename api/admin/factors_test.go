package admin_test

import (
	"net/http"
	"strings"
	"testing"

	"keyturn/accounts"
	"keyturn/audit"
	"keyturn/keys"
	"keyturn/storage/storagetest"
)

func TestFactorsOfAUser(t *testing.T) {
	f := newFixture(t)
	u, err := f.db.UserByID(t.Context(), f.user("spiderman", false))
	if err != nil {
		t.Fatal(err)
	}
	passkey := storagetest.NewPasskey()
	added, err := f.db.AddPasskey(t.Context(), storagetest.Owner(u), passkey, 20, accounts.Told{Event: storagetest.Event(audit.FactorAdded)})
	if err != nil {
		t.Fatal(err)
	}
	if err := f.db.SetRecoveryCodes(t.Context(), storagetest.Owner(u), []keys.Hash{{1}}, accounts.Told{}); err != nil {
		t.Fatal(err)
	}
	path := "/users/" + u.ID + "/factors"
	reader, manager := f.token("admin:read"), f.token("admin:users")
	a := f.send(http.MethodGet, path, reader, "")
	if text := a.Body.String(); a.Code != http.StatusOK || !strings.Contains(text, added.ID) || !strings.Contains(text, `"synced":true`) ||
		!strings.Contains(text, `"recovery_codes":1`) || !strings.Contains(text, `"apps":[]`) || strings.Contains(text, "public_key") {
		t.Errorf("got %d %s", a.Code, text)
	}
	if a := f.send(http.MethodDelete, path, reader, ""); a.Code != http.StatusForbidden {
		t.Errorf("removed by who may only read: %d", a.Code)
	}
	if a := f.send(http.MethodDelete, path, manager, ""); a.Code != http.StatusOK {
		t.Errorf("got %d %s", a.Code, a.Body)
	}
	if a := f.send(http.MethodGet, path, reader, ""); !strings.Contains(a.Body.String(), `"passkeys":[]`) {
		t.Errorf("left: %s", a.Body)
	}
	for _, id := range []string{"nonsense", "00000000-0000-4000-8000-000000000000", "%00"} {
		for _, method := range []string{http.MethodGet, http.MethodDelete} {
			if a := f.send(method, "/users/"+id+"/factors", manager, ""); a.Code != http.StatusNotFound {
				t.Errorf("%s of %s: %d %s", method, id, a.Code, a.Body)
			}
		}
	}
}
