package accounts

import (
	"regexp"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Limits on what a group may hold.
const (
	maxGroupName   = 100 // characters
	maxDescription = 500 // characters
	maxResource    = 255 // bytes, as of a resource's identifier
)

// roleName is the form of a role: what can stand in tokens, headers, URLs and on command lines as it is.
var roleName = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._:/-]{0,63}$`)

// checkGroupName refuses what looks like another name or can't be seen: resource servers and people decide by it.
func checkGroupName(name string) error {
	switch {
	case name == "":
		return invalid("name", "is empty")
	case utf8.RuneCountInString(name) > maxGroupName:
		return invalid("name", "is longer than %d characters", maxGroupName)
	case strings.TrimSpace(name) != name:
		return invalid("name", "has blanks at an end")
	case len(Fold(name)) > maxFolded:
		return invalid("name", "stands for more than %d bytes", maxFolded)
	case strings.ContainsFunc(name, unseen):
		return invalid("name", "holds a control or invisible character")
	}
	return checkText("name", name)
}

// unseen tells whether a character can't be seen, or changes how the rest looks.
func unseen(c rune) bool {
	return c != ' ' && unicode.In(c, unicode.C, unicode.Z, unicode.Other_Default_Ignorable_Code_Point)
}

func checkDescription(text string) error {
	if utf8.RuneCountInString(text) > maxDescription {
		return invalid("description", "is longer than %d characters", maxDescription)
	}
	return checkText("description", text)
}

func checkRequiredLevel(l Level) error {
	if l != "" && l != TwoFactors && l != PhishingResistant {
		return invalid("required_acr", "must be %s or %s, or empty", TwoFactors, PhishingResistant)
	}
	return nil
}

// checkRole checks the forms of both. Of the admin API only the roles that give something are known.
func checkRole(r Role) error {
	switch {
	case r.Resource == "" || len(r.Resource) > maxResource || !utf8.ValidString(r.Resource):
		return invalid("resource", "must have 1 to %d bytes", maxResource)
	case strings.ContainsFunc(r.Resource, func(c rune) bool { return c == ' ' || unseen(c) }):
		return invalid("resource", "must not hold blanks, control or invisible characters")
	case !roleName.MatchString(r.Name):
		return invalid("role", "must have 1 to 64 letters, digits, dots, dashes, underscores, colons and slashes, the first a letter or digit")
	case r.Resource == AdminResource && RightsOfRole(r.Name) == 0:
		return invalid("role", "of the admin API must be %s", strings.Join(AdminRoles(), ", "))
	}
	return nil
}

func checkGroupChange(c GroupChange) error {
	if c.Name != nil {
		if err := checkGroupName(*c.Name); err != nil {
			return err
		}
	}
	if c.Description != nil {
		if err := checkDescription(*c.Description); err != nil {
			return err
		}
	}
	if c.RequiredLevel != nil {
		return checkRequiredLevel(*c.RequiredLevel)
	}
	return nil
}
