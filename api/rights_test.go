package api_test

import (
	"context"
	"errors"
	"reflect"
	"testing"

	"keyturn/accounts"
	"keyturn/api/apitest"
	"keyturn/audit"
)

// own are the methods that take an actor and ask for no right, each with the reason: what a person does to what is
// theirs, shown by something else than an accounts.Authentication, and what a client does to its own grants.
var own = map[string]string{
	"Browsers.EndOwn":                 "the person's own session",
	"Browsers.EndAllOwn":              "the person's own sessions",
	"Issuer.EndGrant":                 "the client's own grant",
	"Provider.RemoveApp":              "what the person allowed",
	"Factors.FinishSignIn":            "a sign-in",
	"Factors.FinishSecond":            "a sign-in",
	"Factors.VerifyCode":              "a sign-in",
	"SelfService.SignUp":              "asked for by whoever can read the mail",
	"SelfService.FinishSignUp":        "by the link in it",
	"SelfService.AskReset":            "asked for by whoever can read the mail",
	"SelfService.Reset":               "by the link in it",
	"SelfService.ConfirmEmail":        "by the link in it",
	"SelfService.AcceptInvitation":    "by the link in it",
	"SelfService.BecomeAdministrator": "by the link that the operator was shown",
}

// TestNoActorWithoutRightsGetsThrough calls every exported method of the domain that takes an actor with one who may
// nothing. A new one that does not ask for a right is found here.
func TestNoActorWithoutRightsGetsThrough(t *testing.T) {
	s := apitest.New(t)
	u := s.AddUser(t, "spiderman")
	proof, actor, found := reflect.TypeFor[accounts.Authentication](), reflect.TypeFor[audit.Actor](), 0
	for _, service := range []any{
		&audit.Reader{Store: s.DB}, s.Accounts, s.Provider.Browsers, s.Groups, s.Issuer, s.Clients, s.Keys, s.Provider,
		&accounts.Factors{Store: s.DB, People: s.Accounts},
		&accounts.SelfService{People: s.Accounts, Store: s.DB, Mail: true, Allow: accounts.Features{accounts.FeatureInvitation, accounts.FeaturePasswordReset}},
	} {
		v := reflect.ValueOf(service)
		for i := range v.NumMethod() {
			method, name := v.Method(i), v.Type().Elem().Name()+"."+v.Type().Method(i).Name
			takes, proves := false, false
			args := make([]reflect.Value, method.Type().NumIn())
			for n := range args {
				in := method.Type().In(n)
				takes, proves = takes || in == actor, proves || in == proof
				switch {
				case in == reflect.TypeFor[context.Context]():
					args[n] = reflect.ValueOf(t.Context())
				case in.Kind() == reflect.String:
					args[n] = reflect.ValueOf(u.ID).Convert(in)
				default:
					args[n] = reflect.Zero(in)
				}
			}
			if !takes {
				continue
			}
			found++
			if _, excepted := own[name]; excepted || proves {
				continue
			}
			if err := called(method, args); !errors.Is(err, audit.ErrForbidden) {
				t.Errorf("%s by an actor without rights: %v, want %v", name, err, audit.ErrForbidden)
			}
		}
	}
	if found < 30 {
		t.Errorf("only %d methods found; the search is broken", found)
	}
}

// called calls a method and returns its error; one that went on and broke returns what it broke with.
func called(method reflect.Value, args []reflect.Value) (err error) {
	defer func() {
		if broken := recover(); broken != nil {
			err = errors.New("it went on, to a panic")
		}
	}()
	call := method.Call
	if method.Type().IsVariadic() {
		call = method.CallSlice
	}
	out := call(args)
	err, _ = out[len(out)-1].Interface().(error)
	return err
}
