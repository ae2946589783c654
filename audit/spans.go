package audit

import (
	"slices"
	"sort"
)

// spans is a set of numbers that mostly follow each other, as ranges [from, to] in ascending order.
type spans []span

type span struct{ from, to int64 }

// at is the index of the first span that ends at n or later.
func (s spans) at(n int64) int { return sort.Search(len(s), func(i int) bool { return s[i].to >= n }) }

func (s spans) has(n int64) bool {
	i := s.at(n)
	return i < len(s) && s[i].from <= n
}

func (s spans) hasAll(of []int64) bool {
	return !slices.ContainsFunc(of, func(n int64) bool { return !s.has(n) })
}

// add tells whether n is new.
func (s *spans) add(n int64) bool {
	i := s.at(n)
	if i < len(*s) && (*s)[i].from <= n {
		return false
	}
	left, right := i > 0 && (*s)[i-1].to == n-1, i < len(*s) && (*s)[i].from == n+1
	switch {
	case left && right:
		(*s)[i-1].to = (*s)[i].to
		*s = slices.Delete(*s, i, i+1)
	case left:
		(*s)[i-1].to = n
	case right:
		(*s)[i].from = n
	default:
		*s = slices.Insert(*s, i, span{n, n})
	}
	return true
}
