package console

import "testing"

// TestWindowOfAListHeldWhole: pages of what is in memory neither leave a thing out nor show one twice.
func TestWindowOfAListHeldWhole(t *testing.T) {
	all := []string{"a", "b", "c", "d", "e"}
	for _, c := range []struct {
		w        window
		from, to int
	}{
		{window{Limit: 2}, 0, 2}, {window{Limit: 9}, 0, 5},
		{window{After: "b", Limit: 2}, 2, 4}, {window{After: "d", Limit: 2}, 4, 5}, {window{After: "e", Limit: 2}, 5, 5}, {window{After: "bb", Limit: 1}, 2, 3},
		{window{Before: "d", Limit: 2}, 1, 3}, {window{Before: "b", Limit: 2}, 0, 1}, {window{Before: "a", Limit: 2}, 0, 0}, {window{Before: "z", Limit: 2}, 3, 5},
	} {
		if from, to := c.w.of(len(all), func(n int) string { return all[n] }); from != c.from || to != c.to {
			t.Errorf("%+v: %d to %d, want %d to %d", c.w, from, to, c.from, c.to)
		}
	}
	if from, to := (window{After: "a", Limit: 2}).of(0, nil); from != 0 || to != 0 {
		t.Errorf("of nothing: %d to %d", from, to)
	}
}
