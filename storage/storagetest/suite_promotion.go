package storagetest

import (
	"context"
	"testing"
	"time"

	"keyturn/accounts"
	"keyturn/audit"
	"keyturn/keys"
	"keyturn/storage"
)

// minted is a link to a new password that no letter carries.
func minted(t *testing.T, db *storage.DB, u accounts.User) accounts.UsedLink {
	t.Helper()
	link := accounts.UsedLink{Hash: keys.NewSecret().Hash(), Purpose: accounts.LinkPasswordReset}
	must(t, db.MintLink(t.Context(), link.Hash, resetOf(u), Event(audit.PasswordResetAsked)))
	return link
}

func resetOf(u accounts.User) accounts.LinkTerms {
	return accounts.LinkTerms{
		Purpose: accounts.LinkPasswordReset, UserID: u.ID, CredentialVersion: u.CredentialVersion, Lifetime: time.Hour,
	}
}

// testPromotionEndsLinks: whoever could have a link to a new password made for somebody must not get by it the rights
// that this person is given later. Links of people who get none live on.
func testPromotionEndsLinks(t *testing.T, open OpenFunc) {
	db, ctx := open(t, storage.Options{}), t.Context()
	for name, promote := range map[string]func(accounts.User, accounts.Group) error{
		"made an administrator": func(u accounts.User, _ accounts.Group) error {
			_, err := db.UpdateUser(ctx, u.ID, accounts.Change{Admin: new(true)}, Event(audit.UserUpdated))
			return err
		},
		"put into a group with a role": func(u accounts.User, _ accounts.Group) error {
			g := Group(t, db)
			must(t, db.AddRole(ctx, g.ID, adminRole(accounts.RoleAuditor), Event(audit.GroupRoleAdded)))
			return db.AddMember(ctx, accounts.Membership{GroupID: g.ID, UserID: u.ID}, Event(audit.GroupMemberAdded))
		},
		"in a group that gets a role": func(_ accounts.User, g accounts.Group) error {
			return db.AddRole(ctx, g.ID, adminRole(accounts.RoleKeyManager), Event(audit.GroupRoleAdded))
		},
	} {
		u, bystander, g := User(t, db), User(t, db), Group(t, db)
		must(t, db.AddMember(ctx, accounts.Membership{GroupID: g.ID, UserID: u.ID}, Event(audit.GroupMemberAdded)))
		link, others := minted(t, db, u), minted(t, db, bystander)
		must(t, db.AddRole(ctx, g.ID, accounts.Role{Resource: "api", Name: "editor"}, Event(audit.GroupRoleAdded)))
		lookAt(t, name+": a role of another resource", db, link, nil)
		waiting := letterFor(accounts.LinkEmailConfirm, u, "new@example.com")
		must(t, db.QueueAsked(ctx, Event(audit.EmailChangeAsked), waiting))

		must(t, promote(u, g))
		lookAt(t, name, db, link, accounts.ErrLinkGone)
		is(t, name+": use", db.ResetPassword(ctx, link, "$x$s$h", Event(audit.UserPasswordSet)), accounts.ErrLinkGone)
		lookAt(t, name+": somebody else's", db, others, nil)
		if _, err := db.ClaimLetter(ctx, time.Minute, keys.NewSecret().Hash()); err == nil {
			t.Errorf("%s: a letter with a link is still on its way", name)
		}
	}
}

// testLinksOfTheMoreMighty: the rights are those in the transaction that makes the link, not those that were read
// before it.
func testLinksOfTheMoreMighty(t *testing.T, open OpenFunc) {
	db, ctx := open(t, storage.Options{}), t.Context()
	boss, _ := withRole(t, db, accounts.RoleAdministrator)
	event := by(audit.PasswordResetAsked, audit.ManageUsers)
	for name, send := range map[string]func(context.Context, accounts.User, audit.Event) error{
		"mint": func(ctx context.Context, u accounts.User, e audit.Event) error {
			return db.MintLink(ctx, keys.NewSecret().Hash(), resetOf(u), e)
		},
		"send": func(ctx context.Context, u accounts.User, e audit.Event) error {
			return db.QueueAsked(ctx, e, letterFor(accounts.LinkPasswordReset, u, u.Email))
		},
	} {
		is(t, name+" for an administrator", send(ctx, boss, event), audit.ErrForbidden)
		must(t, send(ctx, User(t, db), event))
	}
	own := Event(audit.PasswordResetAsked)
	own.Actor = audit.Actor{Kind: audit.Anonymous}
	must(t, db.QueueAsked(ctx, own, letterFor(accounts.LinkPasswordReset, boss, boss.Email)))
}
