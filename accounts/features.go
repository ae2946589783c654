package accounts

import (
	"errors"
	"fmt"
	"slices"
)

// Feature is something that people may do for themselves, which the operator may switch off.
type Feature string

// The features.
const (
	FeatureSignUp        Feature = "sign-up"        // make an account
	FeatureInvitation    Feature = "invitation"     // take an account that an administrator offers by letter
	FeaturePasswordReset Feature = "password-reset" // ask for a letter to choose a new password by
	FeatureName          Feature = "name"           // change the own name and what else the profile shows
	FeatureEmail         Feature = "email"          // change the own e-mail address
	FeaturePassword      Feature = "password"       // change the own password
	FeatureWays          Feature = "ways"           // add and remove ways to sign in
	FeatureDownload      Feature = "download"       // download what is kept
	FeatureDeletion      Feature = "deletion"       // delete the own account
)

// AllFeatures lists every feature.
func AllFeatures() Features {
	return Features{
		FeatureSignUp, FeatureInvitation, FeaturePasswordReset, FeatureName, FeatureEmail,
		FeaturePassword, FeatureWays, FeatureDownload, FeatureDeletion,
	}
}

// Features are those that are switched on.
type Features []Feature

// Has tells whether f is among them.
func (all Features) Has(f Feature) bool { return slices.Contains(all, f) }

// ParseFeatures reads names of features. An unknown one is an error.
func ParseFeatures(names []string) (Features, error) {
	features := make(Features, 0, len(names))
	for _, name := range names {
		if !AllFeatures().Has(Feature(name)) {
			return nil, fmt.Errorf("%q is not one of %v", name, AllFeatures())
		}
		features = append(features, Feature(name))
	}
	return features, nil
}

// needsMail tells whether the feature works only where letters can be sent.
func (f Feature) needsMail() bool {
	return f == FeatureSignUp || f == FeatureInvitation || f == FeaturePasswordReset || f == FeatureEmail
}

// ErrNotOffered says that the operator has switched this off, or that it needs mail and there is none.
var ErrNotOffered = errors.New("accounts: this is not offered here")
