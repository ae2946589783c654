package keys

import (
	"container/heap"
	"flag"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"
)

// The rotation simulator. One seed is half a year of one installation: several instances with clocks
// that differ by up to 2 s and read changes up to 2 s late, crash, restart and lose their database; keys
// turn on schedule and by hand; tokens are issued all along, most of all around the turns; and verifiers
// of several kinds check each token when it is fresh, in mid-life and just before it expires. What
// decides is the real code: Plan, Rotate, Signer and Key.verifies, which is what the JWKS publishes.

var (
	simulations = flag.Int("simulations", 100, "seeds of the rotation simulator")
	simulated   = flag.Duration("simulated", 183*24*time.Hour, "time that each seed simulates")
)

const (
	maxSkew    = 2 * time.Second
	maxDelay   = 2 * time.Second
	simStale   = 15 * time.Minute
	simTokens  = 400 // spread over the whole time, beside those around the turns
	simManual  = 14
	simOutages = 10
)

// verifier is a resource server's cache of the JWKS.
type verifier struct {
	name string
	// covered is false for a verifier that no lead can help.
	covered bool
	// maxAge is how long it keeps a copy; 0 for what the JWKS says, negative for ever.
	maxAge time.Duration
	// cooldown is the shortest time between two fetches for an unknown kid; 0 for never.
	cooldown time.Duration

	known   []string
	fetched time.Time
	expires time.Time
}

func verifiers(rng *rand.Rand) []*verifier {
	return []*verifier{
		{name: "honours max-age", covered: true},
		{name: "caches 1 h whatever the header says", covered: true, maxAge: time.Hour},
		{name: "caches 1 to 12 h whatever the header says", covered: true, maxAge: time.Hour + time.Duration(rng.Int64N(int64(11*time.Hour)))},
		{name: "caches 12 h whatever the header says", covered: true, maxAge: 12 * time.Hour},
		{name: "keeps for ever, refetches on unknown kid (30 s cooldown)", covered: true, maxAge: -1, cooldown: 30 * time.Second},
		{name: "keeps for ever, refetches on unknown kid (1 h cooldown)", covered: true, maxAge: -1, cooldown: time.Hour},
		{name: "loads once and never again", maxAge: -1},
	}
}

// instance is one running Keyturn.
type instance struct {
	skew time.Duration
	up   bool
	// view is what it last read, readAt when (true time).
	view   []Key
	readAt time.Time
	// round counts its maintenances, so that one that was scheduled before the last is left out.
	round int
}

type event struct {
	at  time.Time
	do  func()
	seq int
}

type queue []event

func (q queue) Len() int { return len(q) }
func (q queue) Less(i, j int) bool {
	return q[i].at.Before(q[j].at) || q[i].at.Equal(q[j].at) && q[i].seq < q[j].seq
}
func (q queue) Swap(i, j int) { q[i], q[j] = q[j], q[i] }
func (q *queue) Push(x any)   { *q = append(*q, x.(event)) }
func (q *queue) Pop() any     { e := (*q)[len(*q)-1]; *q = (*q)[:len(*q)-1]; return e }

// tally is what simulations found.
type tally struct {
	tokens, made, manual int
	checks, failures     map[string]int
	// early are signatures by a key that was published for less than the lead; tooShort the shortest
	// time that a key, first keys aside, had been published when it signed.
	early    int
	shortest time.Duration
	// example is the first failure of a covered verifier.
	example string
}

func newTally() *tally {
	return &tally{checks: map[string]int{}, failures: map[string]int{}, shortest: 1 << 62}
}

func (t *tally) covered(rng *rand.Rand) (failures int) {
	for _, v := range verifiers(rng) {
		if v.covered {
			failures += t.failures[v.name]
		}
	}
	return failures
}

type simulation struct {
	*tally
	rng       *rand.Rand
	policy    Policy
	now, end  time.Time
	queue     queue
	seq       int
	instances []*instance
	verifiers []*verifier
	// keys are the rows in the database; away tells that it can't be reached.
	keys   []Key
	away   bool
	serial int
	// madeAt is when (true time) each key was committed; first are those that signed at once because
	// nothing else could.
	madeAt map[string]time.Time
	first  map[string]bool
}

func simulate(seed uint64, p Policy, t *tally) {
	rng := rand.New(rand.NewPCG(seed, 2))
	s := &simulation{
		tally: t, rng: rng, policy: p, now: day0, end: day0.Add(*simulated),
		verifiers: verifiers(rng), madeAt: map[string]time.Time{}, first: map[string]bool{},
	}
	for range 1 + rng.IntN(4) {
		s.instances = append(s.instances, &instance{skew: s.between(-maxSkew, maxSkew)})
	}
	for _, i := range s.instances {
		s.start(i)
	}
	for range simTokens {
		s.at(s.sometime(), s.issue)
	}
	for range simManual {
		s.at(s.sometime(), s.rotate)
	}
	for range simOutages {
		s.at(s.sometime(), s.crash)
	}
	s.at(s.sometime(), s.databaseAway)
	s.at(s.sometime(), s.allDown)
	s.at(s.sometime(), func() { s.policy.Algorithms = []Algorithm{algorithms[rng.IntN(4)]}; s.everyoneMaintains() })
	for len(s.queue) > 0 && s.now.Before(s.end) {
		e := heap.Pop(&s.queue).(event)
		s.now = later(s.now, e.at)
		e.do()
	}
}

func (s *simulation) at(t time.Time, do func()) {
	s.seq++
	heap.Push(&s.queue, event{t, do, s.seq})
}

func (s *simulation) between(a, b time.Duration) time.Duration {
	return a + time.Duration(s.rng.Int64N(int64(b-a)))
}

func (s *simulation) sometime() time.Time { return s.now.Add(s.between(0, s.end.Sub(s.now))) }

func (s *simulation) local(i *instance) time.Time { return s.now.Add(i.skew) }

// start is Ring.Start: read, maintain.
func (s *simulation) start(i *instance) {
	if s.away {
		s.at(s.now.Add(s.between(time.Second, time.Minute)), func() { s.start(i) })
		return
	}
	i.up, i.view, i.readAt = true, s.keys, s.now
	s.maintain(i)
}

// maintain is Ring.Maintain. It comes each minute; here only at the first such minute after something
// is due, because in between Plan has nothing to do (which is sampled).
func (s *simulation) maintain(i *instance) {
	if !i.up || s.away {
		return
	}
	i.view, i.readAt = s.keys, s.now
	s.commit(i, Plan(s.keys, s.policy, s.local(i)))
	i.round++
	round, policy := i.round, s.policy.Algorithms
	current := func() bool { return i.up && !s.away && i.round == round }
	due, ok := s.nextDue(s.local(i))
	if !ok {
		return
	}
	due = due.Add(-i.skew)
	s.at(due.Add(s.between(0, 66*time.Second)), func() {
		if current() {
			s.maintain(i)
		}
	})
	s.at(s.now.Add(s.between(0, due.Sub(s.now))), func() {
		if current() && slices.Equal(policy, s.policy.Algorithms) && slices.Equal(i.view, s.keys) &&
			s.now.Before(due) && len(Plan(s.keys, s.policy, s.local(i))) > 0 {
			panic("the simulator skips minutes in which Plan has something to do")
		}
	})
}

func (s *simulation) everyoneMaintains() {
	for _, i := range s.instances {
		s.at(s.now.Add(s.between(0, 66*time.Second)), func() { s.maintain(i) })
	}
}

// nextDue is the next moment at which any key's state changes or its row may go.
func (s *simulation) nextDue(now time.Time) (due time.Time, ok bool) {
	for _, k := range s.keys {
		for _, t := range []time.Time{
			k.PublishedAt.Add(s.policy.Lead), k.SignsFrom, k.SignsUntil, k.VerifiesUntil, k.VerifiesUntil.Add(keepGone),
		} {
			if t.After(now) && (!ok || t.Before(due)) {
				due, ok = t, true
			}
		}
	}
	return due, ok
}

// commit writes the steps; every instance reads them at its next poll.
func (s *simulation) commit(i *instance, steps []Step) {
	if len(steps) == 0 {
		return
	}
	alone := !slices.ContainsFunc(s.keys, func(k Key) bool { return k.Purpose == Token && k.verifies(s.local(i)) })
	s.keys = carryOut(s.keys, steps, &s.serial)
	for _, k := range s.keys {
		if _, known := s.madeAt[k.KID]; known {
			continue
		}
		s.made++
		s.madeAt[k.KID] = s.now
		s.first[k.KID] = alone && !k.SignsFrom.After(s.local(i))
	}
	i.view, i.readAt = s.keys, s.now
	for _, other := range s.instances {
		s.at(s.now.Add(s.between(0, maxDelay)), func() {
			if other.up && !s.away {
				other.view, other.readAt = s.keys, s.now
			}
		})
		s.at(s.now.Add(maxDelay), func() { s.maintain(other) })
	}
	for _, step := range steps { // many tokens around each new turn
		if turn := step.Key.SignsFrom; step.Action != Delete && turn.After(s.now.Add(-time.Hour)) {
			for range 12 {
				s.at(turn.Add(s.between(-5*time.Second, 5*time.Second)), s.issue)
			}
			s.at(turn.Add(s.between(0, 30*time.Minute)), s.issue)
		}
	}
}

// issue signs a token on any instance and has every verifier check it three times.
func (s *simulation) issue() {
	i := s.instances[s.rng.IntN(len(s.instances))]
	if !s.away {
		i.readAt = s.now // the minute's reading
	}
	if !i.up || s.now.Sub(i.readAt) > simStale {
		return
	}
	a := RS256
	if n := len(s.policy.Algorithms); n > 0 && s.rng.IntN(2) == 0 {
		a = s.policy.Algorithms[s.rng.IntN(n)]
	}
	at := s.local(i)
	k, ok := Signer(i.view, s.policy, Token, a, at)
	lifetime := s.between(time.Minute, s.policy.TokenLifetime)
	if !ok || at.Add(lifetime).After(k.VerifiesUntil) {
		panic(fmt.Sprintf("nothing signs at %s (%v, %+v)", at, ok, k))
	}
	s.tokens++
	if !s.first[k.KID] {
		age := s.now.Sub(s.madeAt[k.KID])
		s.shortest = min(s.shortest, age)
		if age < s.policy.Lead-2*maxSkew-maxDelay {
			s.early++
		}
	}
	for _, after := range []time.Duration{s.between(0, time.Second), s.between(0, lifetime), lifetime - time.Second} {
		s.at(s.now.Add(after), func() { s.check(k) })
	}
}

func (s *simulation) check(k Key) {
	for _, v := range s.verifiers {
		s.checks[v.name]++
		if !s.accepts(v, k.KID) {
			s.failures[v.name]++
			if v.covered && s.example == "" {
				s.example = fmt.Sprintf("%s at %s: fetched %s, key made %s: %+v", v.name, s.now, v.fetched, s.madeAt[k.KID], k)
			}
		}
	}
}

func (s *simulation) accepts(v *verifier, kid string) bool {
	if v.fetched.IsZero() || v.maxAge >= 0 && !s.now.Before(v.expires) {
		s.fetch(v)
	}
	// Now and then somebody sends the verifier a made-up kid, which uses its cooldown up.
	unknown := !slices.Contains(v.known, kid) || s.rng.IntN(50) == 0
	if unknown && v.cooldown > 0 && s.now.Sub(v.fetched) >= v.cooldown {
		s.fetch(v)
	}
	return slices.Contains(v.known, kid)
}

// fetch gets the JWKS of any instance that is up; where none is, the verifier keeps what it has.
func (s *simulation) fetch(v *verifier) {
	var up []*instance
	for _, i := range s.instances {
		if i.up {
			up = append(up, i)
		}
	}
	if len(up) == 0 {
		return
	}
	i := up[s.rng.IntN(len(up))]
	now := s.local(i)
	maxAge := s.policy.JWKSMaxAge
	v.known = nil
	for _, k := range i.view {
		if k.Purpose == Token && k.verifies(now) {
			v.known = append(v.known, k.KID)
			maxAge = min(maxAge, k.VerifiesUntil.Sub(now))
		}
	}
	if v.maxAge > 0 {
		maxAge = v.maxAge
	}
	v.fetched, v.expires = s.now, s.now.Add(maxAge)
}

// rotate turns keys by hand: graceful, or immediate without force.
func (s *simulation) rotate() {
	i := s.instances[s.rng.IntN(len(s.instances))]
	if !i.up || s.away {
		return
	}
	q := Rotation{Mode: []Mode{Graceful, Immediate}[s.rng.IntN(2)]}
	if s.rng.IntN(3) == 0 {
		q.Algorithm = RS256
	}
	out, err := Rotate(s.keys, q, s.policy, s.local(i))
	if err != nil {
		return // the lead is not over, or too many wait
	}
	s.manual++
	s.commit(i, out.Steps)
	if s.rng.IntN(2) == 0 { // and often again soon after
		s.at(s.now.Add(s.between(time.Second, 3*24*time.Hour)), s.rotate)
	}
}

// crash stops an instance for seconds to days.
func (s *simulation) crash() {
	i := s.instances[s.rng.IntN(len(s.instances))]
	if !i.up {
		return
	}
	i.up = false
	pause := []time.Duration{5 * time.Second, time.Hour, 4 * 24 * time.Hour}[s.rng.IntN(3)]
	s.at(s.now.Add(s.between(time.Second, pause)), func() { s.start(i) })
}

// databaseAway keeps every instance from reading and writing for up to three days.
func (s *simulation) databaseAway() {
	s.away = true
	s.at(s.now.Add(s.between(time.Second, 72*time.Hour)), func() {
		s.away = false
		for _, i := range s.instances {
			s.at(s.now.Add(s.between(0, maxDelay)), func() { s.maintain(i) })
		}
	})
}

// allDown stops every instance for up to 100 days.
func (s *simulation) allDown() {
	back := s.now.Add(s.between(time.Minute, []time.Duration{time.Hour, 3 * 24 * time.Hour, 100 * 24 * time.Hour}[s.rng.IntN(3)]))
	for _, i := range s.instances {
		i.up = false
		s.at(back.Add(s.between(0, time.Minute)), func() { s.start(i) })
	}
}

// The promise (spec I4, I5): no token that was valid when issued fails to verify because a key turned,
// and no key but the very first signs before it was published for the lead.
func TestSimulationNoTokenFailsBecauseAKeyTurned(t *testing.T) {
	total := newTally()
	for seed := range uint64(*simulations) {
		simulate(seed, testPolicy(EdDSA), total)
	}
	total.log(t)
	if n := total.covered(rand.New(rand.NewPCG(0, 0))); n > 0 {
		t.Errorf("%d checks of valid tokens failed; the first: %s", n, total.example)
	}
	if total.early > 0 {
		t.Errorf("%d signatures by keys published for less than the lead (shortest %v)", total.early, total.shortest)
	}
	if total.failures["loads once and never again"] == 0 {
		t.Error("the verifier that loads once never failed: the simulator turns no keys")
	}
}

// A lead of 10 minutes is what has caused outages elsewhere: a verifier that caches for an hour fails.
func TestSimulationFailsWithALeadShorterThanACache(t *testing.T) {
	p, total := testPolicy(EdDSA), newTally()
	p.Lead = 10 * time.Minute
	for seed := range uint64(max(1, *simulations/10)) {
		simulate(seed, p, total)
	}
	total.log(t)
	if total.failures["caches 1 h whatever the header says"] == 0 {
		t.Error("a 10-minute lead against a 1-hour cache failed nowhere: the simulator proves nothing")
	}
	if n := total.failures["honours max-age"]; n > 0 {
		t.Errorf("%d failures of verifiers that honour a max-age shorter than the lead: %s", n, total.example)
	}
}

func (t *tally) log(tb testing.TB) {
	tb.Logf("tokens %d, keys made %d, rotations by hand %d, shortest publication before signing %v",
		t.tokens, t.made, t.manual, t.shortest.Truncate(time.Second))
	for _, v := range verifiers(rand.New(rand.NewPCG(0, 0))) {
		tb.Logf("| %s | %d | %d |", v.name, t.checks[v.name], t.failures[v.name])
	}
}
