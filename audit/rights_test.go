package audit

import (
	"errors"
	"testing"
)

func TestWiderRightsHoldNarrowerOnes(t *testing.T) {
	for _, test := range []struct {
		has, needs Rights
		want       bool
	}{
		{ManageAll, ManageAll, true}, {ManageAll, ManageUsers, true}, {ManageAll, ManageKeys, true}, {ManageAll, Read, true},
		{ManageUsers, Read, true}, {ManageUsers, ManageUsers, true}, {ManageUsers, ManageKeys, false}, {ManageUsers, ManageAll, false},
		{ManageKeys, Read, true}, {ManageKeys, ManageUsers, false}, {Read, ManageUsers, false},
		{ManageUsers | ManageKeys, ManageAll, false}, {0, Read, false},
		{0, 0, false}, {ManageAll, 0, false}, // a method that forgot what it needs lets nobody in
	} {
		err := Actor{Rights: test.has}.Need(test.needs)
		if (err == nil) != test.want || err != nil && !errors.Is(err, ErrForbidden) {
			t.Errorf("%s, which needs %s: %v", test.has, test.needs, err)
		}
	}
	if both := ManageAll & ManageUsers; both != ManageUsers {
		t.Errorf("what two have in common is %s", both)
	}
	if both := ManageKeys & ManageUsers; both != Read {
		t.Errorf("what two have in common is %s", both)
	}
}
