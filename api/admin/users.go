package admin

import (
	"net/http"

	"keyturn/accounts"
	"keyturn/issuer"
)

// userView is a user in an answer, with the names of OIDC Core section 5.1 where it has one for a member.
type userView struct {
	ID            string  `json:"id"`
	ExternalID    string  `json:"external_id,omitempty"`
	Username      string  `json:"username"`
	Email         string  `json:"email"`
	EmailVerified bool    `json:"email_verified"`
	GivenName     string  `json:"given_name"`
	FamilyName    string  `json:"family_name"`
	Active        bool    `json:"active"`
	Admin         bool    `json:"admin"`
	CreatedAt     instant `json:"created_at"`
	UpdatedAt     instant `json:"updated_at"`
	LastLoginAt   instant `json:"last_login_at,omitzero"`
}

func viewUser(u accounts.User) userView {
	return userView{
		ID: u.ID, ExternalID: u.ExternalID, Username: u.Username, Email: u.Email, EmailVerified: u.EmailVerified,
		GivenName: u.GivenName, FamilyName: u.FamilyName, Active: u.Active, Admin: u.Admin,
		CreatedAt: instant{u.CreatedAt}, UpdatedAt: instant{u.UpdatedAt}, LastLoginAt: instant{u.LastLoginAt},
	}
}

// listUsers answers users in the order of their names; the cursor is a name.
func (h *Handlers) listUsers(r *request) error {
	read := func(after string, limit int) ([]accounts.User, error) {
		return h.Accounts.List(r.ctx, accounts.Query{Prefix: r.query["prefix"], After: after, Limit: limit})
	}
	return writePage(r, read, func(u accounts.User) string { return u.Username }, viewUser)
}

func (h *Handlers) readUser(r *request) error {
	user, err := h.Accounts.Get(r.ctx, r.gin.Param("id"))
	if err != nil {
		return err
	}
	return r.write(http.StatusOK, viewUser(user))
}

func (h *Handlers) createUser(r *request) error {
	var in accounts.NewUser
	var password *string
	if err := r.read(members{
		"username": &in.Username, "password": &password, "email": &in.Email, "email_verified": &in.EmailVerified,
		"given_name": &in.GivenName, "family_name": &in.FamilyName, "admin": &in.Admin, "external_id": &in.ExternalID,
	}); err != nil {
		return err
	}
	if (in.Admin || in.ExternalID != "") && !r.full() {
		return onlyAdmin
	}
	if password != nil {
		if in.Password = *password; in.Password == "" {
			return invalid("password", "is empty; leave it out for a user without one")
		}
	}
	user, err := h.Accounts.Create(r.ctx, in, r.actor)
	if err != nil {
		return err
	}
	h.location(r, "/users/"+user.ID)
	return r.write(http.StatusCreated, viewUser(user))
}

func (h *Handlers) updateUser(r *request) error {
	id, err := h.mayChange(r)
	if err != nil {
		return err
	}
	var c accounts.Change
	if err := r.read(members{
		"username": &c.Username, "email": &c.Email, "email_verified": &c.EmailVerified,
		"given_name": &c.GivenName, "family_name": &c.FamilyName, "admin": &c.Admin, "external_id": &c.ExternalID,
	}); err != nil {
		return err
	}
	if (c.Admin != nil || c.ExternalID != nil) && !r.full() {
		return onlyAdmin
	}
	user, err := h.Accounts.Update(r.ctx, id, c, r.actor)
	if err != nil {
		return err
	}
	return r.write(http.StatusOK, viewUser(user))
}

func (h *Handlers) setPassword(r *request) error {
	id, err := h.mayChange(r)
	if err != nil {
		return err
	}
	var password string
	if err := r.read(members{"password": &password}); err != nil {
		return err
	}
	ended, err := h.Accounts.SetPassword(r.ctx, id, password, r.actor)
	if err != nil {
		return err
	}
	return r.ended(ended)
}

func (h *Handlers) activateUser(r *request) error {
	id, err := h.mayChange(r)
	if err != nil {
		return err
	}
	if err := r.read(nil); err != nil {
		return err
	}
	if err := h.Accounts.Activate(r.ctx, id, r.actor); err != nil {
		return err
	}
	return r.done()
}

func (h *Handlers) deactivateUser(r *request) error {
	id, err := h.mayChange(r)
	if err != nil {
		return err
	}
	if err := r.read(nil); err != nil {
		return err
	}
	ended, err := h.Accounts.Deactivate(r.ctx, id, r.actor)
	if err != nil {
		return err
	}
	return r.ended(ended)
}

func (h *Handlers) deleteUser(r *request) error {
	id, err := h.mayChange(r)
	if err != nil {
		return err
	}
	if err := r.read(nil); err != nil {
		return err
	}
	ended, err := h.Accounts.Delete(r.ctx, id, r.actor)
	if err != nil {
		return err
	}
	return r.ended(ended)
}

// onlyAdmin keeps the scope admin:users from growing into admin: whoever could make or take over an
// administrator would be one, and whoever could choose an external id could pass for whom resource
// servers know by it.
var onlyAdmin = needs(issuer.ScopeAdmin, "Only the scope admin may make, change or remove administrators, and set external ids.")

// mayChange gives the id of the user in the path, if the caller may change that one.
func (h *Handlers) mayChange(r *request) (id string, err error) {
	id = r.gin.Param("id")
	user, err := h.Accounts.Get(r.ctx, id)
	if err != nil {
		return "", err
	}
	if user.Admin && !r.full() {
		return "", onlyAdmin
	}
	return id, nil
}
