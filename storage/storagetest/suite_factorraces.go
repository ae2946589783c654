package storagetest

import (
	"sync/atomic"
	"testing"
	"time"

	"keyturn/accounts"
	"keyturn/audit"
	"keyturn/keys"
	"keyturn/storage"
)

// testFactorsOnce: what a proof uses up is used up once, however many use it at the same moment.
func testFactorsOnce(t *testing.T, open OpenFunc) {
	db, ctx := open(t, storage.Options{MaxOpen: contenders}), t.Context()
	u := User(t, db)
	app, err := addApp(ctx, db, u)
	must(t, err)
	passkey, err := addPasskey(ctx, db, u)
	must(t, err)
	must(t, atOnce(contenders, func(int) error { return db.Ping(ctx) }))
	for round := range 30 {
		code, c := keys.NewSecret().Hash(), accounts.Ceremony{Challenge: keys.NewSecret().Hash(), Purpose: "sign_in"}
		held := accounts.PendingSignIn{Hash: keys.NewSecret().Hash(), UserID: u.ID, CredentialVersion: u.CredentialVersion, AMR: "pwd"}
		must(t, db.SetRecoveryCodes(ctx, Owner(u), []keys.Hash{code}, factorTold(audit.RecoveryCodesMade)))
		must(t, db.AddCeremony(ctx, c, time.Hour))
		must(t, db.HoldSignIn(ctx, held, time.Hour))
		next, err := db.HoldApp(ctx, Owner(u), accounts.StoredApp{App: accounts.App{ID: keys.NewTokenID()}, Sealed: []byte("s")}, 1000, time.Hour)
		must(t, err)
		count := uint32(3 + round)
		for name, use := range map[string]func() (bool, error){
			"code of an app": func() (bool, error) { return db.UseApp(ctx, app.ID, int64(round+2), round%2 == 0) },
			"recovery code":  func() (bool, error) { return db.UseRecoveryCode(ctx, u.ID, code, factorTold(audit.RecoveryCodeUsed)) },
			"passkey":        func() (bool, error) { return db.UsePasskey(ctx, passkey.ID, count, count+1, true) },
			"attempt":        func() (bool, error) { return db.TryHeld(ctx, held.Hash, 0) },
			"ceremony": func() (bool, error) {
				_, err := db.TakeCeremony(ctx, c.Challenge, c.Browser, c.Purpose)
				return err == nil, unless(err, accounts.ErrCeremonyGone)
			},
			"new app": func() (bool, error) {
				_, err := db.ConfirmApp(ctx, Owner(u), next, 1000, factorTold(audit.FactorAdded))
				return err == nil, unless(err, accounts.ErrCeremonyGone)
			},
		} {
			onlyOne(t, name, use)
		}
		onlyOne(t, "sign-in that waits", func() (bool, error) {
			err := db.EndHeld(ctx, held.Hash)
			return err == nil, unless(err, accounts.ErrPendingGone)
		})
		if t.Failed() {
			return
		}
	}
}

func onlyOne(t *testing.T, what string, use func() (bool, error)) {
	t.Helper()
	var won atomic.Int64
	must(t, atOnce(8, func(int) error {
		ok, err := use()
		if ok {
			won.Add(1)
		}
		return err
	}))
	if won.Load() != 1 {
		t.Errorf("%s: %d contenders won, want 1", what, won.Load())
	}
}

// testFactorRaces: of the last two ways in, removed at once, one stays; and no more are added than may be.
func testFactorRaces(t *testing.T, open OpenFunc) {
	db, ctx := open(t, storage.Options{}), t.Context()
	keepOne := func(r accounts.RemovedFactor) error {
		if r.Has.Passkeys == 1 {
			return accounts.ErrLastWay
		}
		return nil
	}
	for range 20 {
		u := User(t, db)
		var ids []string
		for range 2 {
			p, err := addPasskey(ctx, db, u)
			must(t, err)
			ids = append(ids, p.ID)
		}
		must(t, atOnce(8, func(i int) error {
			who := Owner(u)
			if i >= 2 {
				who.CredentialVersion++ // of who was quick to sign in again
			}
			err := db.RemoveFactor(ctx, who, ids[i%2], keepOne, factorTold(audit.FactorRemoved))
			return unless(err, accounts.ErrLastWay, accounts.ErrCredentials, accounts.ErrFactorNotFound)
		}))
		counts, err := db.FactorCounts(ctx, u.ID)
		must(t, err)
		equal(t, "passkeys left", counts.Passkeys, int64(1))

		u, err = db.UserByID(ctx, u.ID)
		must(t, err)
		must(t, atOnce(8, func(int) error {
			_, err := db.AddPasskey(ctx, Owner(u), NewPasskey(), 4, factorTold(audit.FactorAdded))
			return unless(err, accounts.ErrTooManyFactors)
		}))
		counts, err = db.FactorCounts(ctx, u.ID)
		must(t, err)
		equal(t, "passkeys after eight were added", counts.Passkeys, int64(4))
	}
}
